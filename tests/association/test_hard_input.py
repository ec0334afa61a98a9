"""Input that cannot be analysed as it is: each fault gets one clear sentence, and everything else goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated_cohorts import CALIBRE, DENSITY, UNITS, two_eyed_cohort

from retquant.association import associate
from retquant.association.many import associate_plan
from retquant.association.plan import AssociationPlan
from retquant.errors import AssociationError

PEOPLE = 60


@pytest.fixture
def images() -> pd.DataFrame:
    images = two_eyed_cohort(PEOPLE, seed=31)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=PEOPLE), 2)
    return images


def test_a_covariate_with_5000_values_is_refused_by_name() -> None:
    images = two_eyed_cohort(5000, seed=1)
    images["pressure"] = np.repeat(np.random.default_rng(0).normal(size=5000), 2)
    images["postcode"] = "PC" + images["participant_id"]
    with pytest.raises(AssociationError, match="covariate postcode: it has 5000 different texts") as refusal:
        associate(images, outcome="pressure", covariates=["age", "postcode"])
    assert "group it into at most 30 values" in refusal.value.remedy


def test_perfectly_collinear_covariates_are_dropped_aloud_and_a_collinear_biomarker_is_refused(
    images: pd.DataFrame,
) -> None:
    images["born"] = 2020 - images["age"]
    images["twice"] = 3 * images["age"] - 7
    images.attrs["units"] = {**UNITS, "twice": "1"}
    found = associate(images, outcome="pressure", covariates=["age", "born"])
    table = found.table.set_index("biomarker")
    assert table.loc["twice", "reason"] == "collinear"
    assert table.loc["twice", "note"] == "the covariates determine the biomarker"
    assert table.loc[[CALIBRE, DENSITY], "p"].notna().all()
    assert "The term born was constant or collinear and was dropped." in found.study.notes


def test_an_outcome_that_is_a_biomarker_is_said_and_not_tested_against_itself_or_what_it_determines(
    images: pd.DataFrame,
) -> None:
    images["twin"] = images[CALIBRE] * 2
    images.attrs["units"] = {**UNITS, "twin": "um"}
    images.attrs["derived_from"] = {"twin": CALIBRE}
    found = associate(images, outcome=CALIBRE)
    table = found.table.set_index("biomarker")
    assert CALIBRE not in table.index
    assert (
        f"The outcome {CALIBRE} is itself a biomarker and was not tested against itself." in found.study.notes
    )
    assert table.loc["twin", "note"].startswith("bound to the outcome by definition")
    with pytest.raises(
        AssociationError, match="all that is asked for is outcome, covariate or group already"
    ):
        associate(images, outcome=CALIBRE, biomarkers=[CALIBRE])


def test_a_biomarker_nobody_has_and_one_all_share_are_refused_and_the_others_go_on(
    images: pd.DataFrame,
) -> None:
    images["nobody"], images["everybody"] = np.nan, 0.1 + 0.2
    images.attrs["units"] = {**UNITS, "nobody": "1", "everybody": "1"}
    table = associate(images, outcome="pressure").table.set_index("biomarker")
    assert list(table.loc[["nobody", "everybody"], "reason"]) == ["all_missing", "constant"]
    assert table.loc[[CALIBRE, DENSITY], "p"].notna().all()


def test_where_no_biomarker_was_measured_in_anyone_every_row_says_so(images: pd.DataFrame) -> None:
    images[[CALIBRE, DENSITY]] = np.nan
    found = associate(images, outcome="pressure")
    assert set(found.table["reason"]) == {"all_missing"}
    assert found.n_tests == 0


def test_a_covariate_that_is_missing_in_everyone_is_dropped_aloud(images: pd.DataFrame) -> None:
    images["smoking"] = None
    found = associate(images, outcome="pressure", covariates=["smoking"])
    assert "The covariate smoking is constant or empty and was dropped." in found.study.notes
    assert found.table["p"].notna().all()


def test_one_event_is_refused_for_each_biomarker_with_the_reason(images: pd.DataFrame) -> None:
    images["rare"] = (images["participant_id"] == "00003").astype(int)
    found = associate(images, outcome="rare")
    assert set(found.table["reason"]) == {"too_few_events"}


@pytest.mark.parametrize("theirs", [range(PEOPLE), [f"{n:03d}" for n in range(PEOPLE)]])
def test_identifiers_that_differ_by_padding_are_explained(images: pd.DataFrame, theirs: object) -> None:
    labels = pd.DataFrame({"participant_id": theirs, "sugar": np.arange(PEOPLE)})
    with pytest.raises(AssociationError, match="differ in leading zeros"):
        associate(images, labels=labels, outcome="sugar")


def test_where_some_identifiers_are_padded_a_note_says_how_many_would_match(
    images: pd.DataFrame,
) -> None:
    labels = pd.DataFrame(
        {
            "participant_id": [f"{n:05d}" if n < 40 else str(n) for n in range(PEOPLE)],
            "sugar": np.random.default_rng(0).normal(size=PEOPLE),
        }
    )
    found = associate(images, labels=labels, outcome="sugar")
    assert found.study.n_people == 40
    assert any("20 more identifiers would match but for leading zeros" in note for note in found.study.notes)


def test_ten_outcomes_with_one_misspelt_give_nine(images: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    for place in range(9):
        images[f"score_{place}"] = np.repeat(random.normal(size=PEOPLE), 2)
    names = [f"score_{place}" for place in range(9)] + ["scroe_9"]
    plan = AssociationPlan.model_validate(
        {
            "name": "ten",
            "robust": 0,
            "outcomes": [{"column": name} for name in names],
            "biomarkers": [CALIBRE],
        }
    )
    found = associate_plan(images, plan)
    assert len(found.analyses) == 9
    assert list(found.refused) == ["scroe_9"]
    assert "did you mean score_" in found.refused["scroe_9"]


def test_a_biomarker_that_one_person_alone_has_otherwise_is_refused(images: pd.DataFrame) -> None:
    """Her leverage is 1, by which HC3 would divide by nothing."""
    images["lonely"] = np.where(images["participant_id"] == images["participant_id"].iloc[0], 1.0, 0.0)
    images.attrs["units"] = {**UNITS, "lonely": "1"}
    table = associate(images, outcome="pressure", covariates=["age"]).table.set_index("biomarker")
    assert table.loc["lonely", "reason"] == "one_person"
    assert np.isnan(table.loc["lonely", "p"])
    assert table.loc[[CALIBRE, DENSITY], "p"].notna().all()


def test_pictures_of_no_known_eye_are_analysed_and_their_reruns_are_none_by_eye(images: pd.DataFrame) -> None:
    images["participant_id"] = [f"p{n}" for n in range(len(images))]
    found = associate(images.drop(columns="eye"), outcome="pressure", robust=1)
    assert found.table["p"].notna().all()
    assert found.reruns["variant"].tolist() == ["outliers pulled in", "sex male", "sex female"]
    assert found.reruns["reason"].isna().all()
