"""Labels find their people; what cannot be an outcome or a covariate is refused with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated_cohorts import CALIBRE, DENSITY, two_eyed_cohort

from retquant.association import Associations, associate
from retquant.association.outcome import read_outcome
from retquant.errors import AssociationError

PEOPLE = 60


@pytest.fixture
def images() -> pd.DataFrame:
    return two_eyed_cohort(PEOPLE, seed=1)


def labels(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"participant_id": [f"{p:05d}" for p in range(PEOPLE)], **columns})


def left_out(result: Associations) -> dict[str, int]:
    return {exclusion.what: exclusion.count for exclusion in result.study.exclusions}


def test_labels_of_people_reach_both_eyes_and_rows_without_a_partner_are_counted(
    images: pd.DataFrame, tmp_path: Path
) -> None:
    table = labels(pressure=np.random.default_rng(0).normal(size=PEOPLE)).drop(index=[3, 4])
    strangers = pd.DataFrame({"participant_id": ["99991", "99992"], "pressure": [0.0, 1.0]})
    path = tmp_path / "labels.csv"
    pd.concat([table, strangers, table.iloc[:5]]).to_csv(path, index=False)
    result = associate(images, labels=path, outcome="pressure")
    assert (result.study.n_people, result.study.n_eyes, result.study.n_images) == (58, 116, 120)
    assert left_out(result) == {
        "images without a matching label row": 4,
        "participant_ids of the labels without an image": 2,
    }
    assert "5 label rows said the same as an earlier one." in result.study.notes


def test_contradictory_labels_leave_the_person_out_instead_of_choosing(images: pd.DataFrame) -> None:
    table = labels(pressure=np.random.default_rng(0).normal(size=PEOPLE))
    twice = pd.concat([table, table.iloc[[7]].assign(pressure=99.0)])
    result = associate(images, labels=twice, outcome="pressure")
    assert result.study.n_people == PEOPLE - 1
    assert left_out(result)["participant_ids with contradictory label rows"] == 1
    assert ("00007",) in [exclusion.ids for exclusion in result.study.exclusions]


def test_labels_of_eyes_are_matched_by_eye_however_it_is_spelt(images: pd.DataFrame) -> None:
    random = np.random.default_rng(0)
    table = pd.concat([labels(eye=eye, acuity=random.normal(size=PEOPLE)) for eye in ("R", "left")])
    result = associate(images, labels=table, outcome="acuity")
    assert result.study.level == "eye"
    assert result.study.n_eyes == 2 * PEOPLE


def test_identifiers_that_differ_in_leading_zeros_are_not_matched_but_explained(images: pd.DataFrame) -> None:
    table = labels(pressure=1.0).assign(participant_id=range(PEOPLE))
    with pytest.raises(AssociationError, match="leading zeros"):
        associate(images, labels=table, outcome="pressure")


def test_numbers_as_identifiers_match_text(images: pd.DataFrame) -> None:
    images["participant_id"] = images["participant_id"].astype(int).astype(str)
    table = labels(pressure=np.random.default_rng(0).normal(size=PEOPLE))
    table["participant_id"] = table["participant_id"].astype(float)
    assert associate(images, labels=table, outcome="pressure").study.n_people == PEOPLE


def test_labels_without_an_identifier_are_refused(images: pd.DataFrame) -> None:
    with pytest.raises(AssociationError, match="neither participant_id nor image_id"):
        associate(images, labels=pd.DataFrame({"pressure": [1.0]}), outcome="pressure")


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        (["yes", "no"], "event: diabetes is yes; reference: no"),
        (["Control", "CASE"], "event: diabetes is CASE; reference: Control"),
        ([True, False], "event: diabetes is True; reference: False"),
        (["1", "0"], "event: diabetes is 1; reference: 0"),
        ([2, 1], "event: diabetes is 2; reference: 1"),
    ],
)
def test_two_values_are_binary_and_the_event_is_stated(values: list[object], coding: str) -> None:
    frame = pd.DataFrame({"diabetes": values * 4 + [None]})
    outcome = read_outcome(frame, "diabetes")
    assert (outcome.kind, outcome.coding, outcome.notes) == ("binary", coding, ())
    assert outcome.values.isna().sum() == 1
    assert outcome.values.sum() == 4


def test_two_texts_of_unknown_meaning_say_which_was_taken_as_the_event() -> None:
    outcome = read_outcome(pd.DataFrame({"sex": ["male", "female", "male"]}), "sex")
    assert outcome.values.tolist() == [1, 0, 1]
    assert "'sex=female'" in outcome.notes[0]


def test_three_texts_are_refused_with_the_command_that_works() -> None:
    frame = pd.DataFrame({"diagnosis": ["normal"] * 5 + ["glaucoma"] * 3 + ["cataract"]})
    with pytest.raises(
        AssociationError, match=r"'normal' \(5\), 'glaucoma' \(3\), 'cataract' \(1\)"
    ) as refusal:
        read_outcome(frame, "diagnosis")
    assert "'diagnosis=cataract'" in refusal.value.remedy
    assert read_outcome(frame, "diagnosis=glaucoma").values.sum() == 3


def test_few_whole_numbers_are_grades_unless_one_is_singled_out_or_a_score_asked_for() -> None:
    frame = pd.DataFrame({"grade": [0, 1, 2, 3, 4, 4, None]})
    grades = read_outcome(frame, "grade")
    assert grades.kind == "ordinal"
    assert "'grade=4'" in grades.notes[0]
    assert read_outcome(frame, "grade", "continuous").kind == "continuous"
    assert read_outcome(frame + 0.5, "grade").kind == "continuous"
    assert read_outcome(frame, "grade=4").values.sum() == 2
    with pytest.raises(AssociationError, match="cannot be binary"):
        read_outcome(frame, "grade", "binary")


def test_numbers_written_as_text_are_numbers_and_infinite_ones_are_missing() -> None:
    frame = pd.DataFrame({"hba1c": ["5.1", " 6.2", "", "inf", "7"]})
    np.testing.assert_array_equal(read_outcome(frame, "hba1c").values, [5.1, 6.2, np.nan, np.nan, 7])


@pytest.mark.parametrize(
    ("outcome", "message"),
    [("diabtes", "did you mean diabetes"), ("constant", "only the value 1 "), ("empty", "no value at all")],
)
def test_an_impossible_outcome_is_refused_by_name(images: pd.DataFrame, outcome: str, message: str) -> None:
    images["diabetes"], images["constant"], images["empty"] = 0, 1, None
    with pytest.raises(AssociationError, match=message):
        associate(images, outcome=outcome)


def test_covariates_that_say_nothing_are_dropped_aloud_and_change_nothing(images: pd.DataFrame) -> None:
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2)
    images["months"], images["clinic"] = images["age"] * 12, "only one"
    plain = associate(images, outcome="pressure", covariates=["age"])
    wordy = associate(images, outcome="pressure", covariates=["age", "months", "clinic"])
    np.testing.assert_allclose(wordy.table["effect"], plain.table["effect"], rtol=1e-9)
    assert "The covariate clinic is constant or empty and was dropped." in wordy.study.notes
    assert "The term months was constant or collinear and was dropped." in wordy.study.notes


def test_people_without_a_covariate_are_left_out_and_a_lone_category_does_not_break_the_variance(
    images: pd.DataFrame,
) -> None:
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2)
    images.loc[images["participant_id"] == "00003", "age"] = np.nan
    images["site"] = np.where(images["participant_id"] == "00009", "lonely", "big")
    row = associate(images, outcome="pressure", covariates=["age", "site"], biomarkers=[CALIBRE]).table.iloc[
        0
    ]
    assert row["n_people"] == PEOPLE - 2
    assert np.isfinite(row["p"])
    assert "alone" in row["note"]


def test_free_text_as_a_covariate_and_a_misspelt_covariate_are_refused(images: pd.DataFrame) -> None:
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2)
    images["remark"] = "remark " + images["participant_id"]
    with pytest.raises(AssociationError, match="60 different texts"):
        associate(images, outcome="pressure", covariates=["remark"])
    with pytest.raises(AssociationError, match="did you mean age"):
        associate(images, outcome="pressure", covariates=["agee"])
    with pytest.raises(AssociationError, match="both outcome and covariate"):
        associate(images, outcome="pressure", covariates=["pressure"])


def test_biomarkers_are_chosen_by_globs_and_an_empty_choice_is_refused(images: pd.DataFrame) -> None:
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2)
    assert list(associate(images, outcome="pressure", biomarkers=["vessel_*"]).table["biomarker"]) == [
        DENSITY
    ]
    with pytest.raises(AssociationError, match="no biomarker matches faz_"):
        associate(images, outcome="pressure", biomarkers=["faz_*"])


def test_a_biomarker_can_be_the_outcome_and_is_then_not_tested_against_itself(images: pd.DataFrame) -> None:
    result = associate(images, outcome=CALIBRE)
    assert list(result.table["biomarker"]) == [DENSITY]
    assert result.study.level == "eye"
