"""Cohorts of digital eyes: what is written can be read back, and holds what was planted."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.errors import ConfigError
from retquant.phantoms import CohortDesign, Disease, EyeTraits, draw_people, simple_eye, write_cohort
from retquant.phantoms.cohort import EyeWriter, eye_plans, write_tables
from retquant.phantoms.cohort_files import EyePlan, EyeRows
from retquant.phantoms.making import make_cohort

DESIGN = CohortDesign(size=(160, 160), masked=0.5, one_eyed=0.34, picture="png")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder, 3, seed=1, design=DESIGN)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_file_of_the_manifest_exists_and_has_the_size_asked_for(cohort: Path) -> None:
    manifest = rows(cohort / "manifest.csv")
    assert len(manifest) == 5  # three people, one of them with one eye
    masked = 0
    for row in manifest:
        with Image.open(cohort / row["image"]) as image:
            assert image.size == (160, 160)
            assert image.mode == "RGB"
        for name in ("artery", "vein", "disc"):
            if row[f"{name}_mask"]:
                masked += 1
                with Image.open(cohort / row[f"{name}_mask"]) as image:
                    assert image.mode == "L"
    assert 0 < masked < 15


def test_masks_are_the_coverage_of_the_eye_that_the_truth_describes(cohort: Path) -> None:
    people = {p.participant_id: p for p in draw_people(3, 1, design=DESIGN)}
    row = next(r for r in rows(cohort / "manifest.csv") if r["vein_mask"])
    person = people[row["participant_id"]]
    number = person.eyes.index(row["eye"])
    eye = simple_eye(person.seed + number, row["eye"], traits=person.traits[number], size=DESIGN.size)
    stored = np.asarray(Image.open(cohort / row["vein_mask"]))
    assert np.array_equal(stored, np.rint(eye.coverage("vein") * 255).astype(np.uint8))
    truth = next(r for r in rows(cohort / "truth.csv") if r["image"] == row["image"])
    assert float(truth["vein_total_length_px"]) == pytest.approx(eye.shape.truth["vein_total_length_px"])
    assert float(row["um_per_px"]) == pytest.approx(eye.shape.um_per_px, rel=1e-4)


def test_writing_twice_gives_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path, 3, seed=1, design=DESIGN)
    first = sorted(p.relative_to(cohort) for p in cohort.rglob("*") if p.is_file())
    assert first == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    for path in first:
        assert (cohort / path).read_bytes() == (tmp_path / path).read_bytes()


def test_the_labels_are_planted_in_the_traits() -> None:
    people = draw_people(60, seed=8)
    ill = [t.artery_calibre for p in people for t in p.traits if p.labels["hypertension"]]
    well = [t.artery_calibre for p in people for t in p.traits if not p.labels["hypertension"]]
    assert np.mean(ill) / np.mean(well) == pytest.approx(0.8, abs=0.03)
    assert max(ill) < min(well)
    winding = [(p.labels["hba1c"], t.vein_tortuosity) for p in people for t in p.traits]
    assert np.corrcoef(np.array(winding).T)[0, 1] > 0.9
    ages = [(p.age, t.artery_calibre) for p in people for t in p.traits]
    assert abs(np.corrcoef(np.array(ages).T)[0, 1]) < 0.35


def test_shares_are_met_and_two_eyes_of_a_person_are_alike() -> None:
    people = draw_people(20, seed=3, design=CohortDesign(hypertensive=0.4, one_eyed=0.2, masked=0.5))
    assert sum(p.labels["hypertension"] for p in people) == 8
    assert sum(len(p.eyes) == 1 for p in people) == 4
    assert sum(p.has_masks for p in people) == 10
    assert 3 <= sum(p.has_masks for p in people if p.labels["hypertension"]) <= 5
    gaps = [abs(p.traits[0].artery_calibre - p.traits[1].artery_calibre) for p in people if len(p.eyes) == 2]
    assert np.mean(gaps) < 0.04


def test_a_cohort_of_nobody_and_impossible_shares_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_people is 0"):
        draw_people(0, seed=1)
    with pytest.raises(ConfigError, match="one_eyed is 2"):
        CohortDesign(one_eyed=2)
    with pytest.raises(ConfigError, match="picture is 'bmp'"):
        CohortDesign(picture="bmp")


def test_diseases_of_ones_own_change_the_knobs_that_they_name() -> None:
    design = CohortDesign(
        diseases=(
            Disease.parse("hypertension=narrowing:0.2,nicking@0.5"),
            Disease.parse("diabetes=dropout:0.2,avascular:0.5", share=0.3),
            Disease.parse("glaucoma=cupping:0.3"),
        )
    )
    people = draw_people(40, 2, design=design)
    assert set(people[0].labels) == {"hypertension", "diabetes", "glaucoma"}
    assert [sum(p.labels[name] for p in people) for name in people[0].labels] == [20, 12, 16]
    for person in people:
        for traits in person.traits:
            assert (traits.nicking == 0.4) == bool(person.labels["hypertension"])
            assert (traits.dropout, traits.avascular) == ((0.2, 1.5) if person.labels["diabetes"] else (0, 1))
    cups = {
        ill: np.mean([t.cup_to_disc for p in people for t in p.traits if p.labels["glaucoma"] == ill])
        for ill in (0, 1)
    }
    assert cups[1] - cups[0] == pytest.approx(0.3, abs=0.06)  # 80 eyes of SD 0.08


@pytest.mark.parametrize(
    "text", ["hypertension", "x=unheard_of:1", "a b=narrowing", "x=narrowing:much", "x=narrowing@2"]
)
def test_a_disease_that_cannot_be_read_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Disease.parse(text)
    assert caught.value.remedy


def test_what_octa_does_not_show_cannot_be_planted_in_it() -> None:
    cupping = (Disease.parse("glaucoma=cupping"),)
    assert CohortDesign(diseases=cupping).modality == "cfp"
    with pytest.raises(ConfigError, match="does not show glaucoma=cupping"):
        CohortDesign(diseases=cupping, modality="octa")
    with pytest.raises(ConfigError, match="modality is 'xray'"):
        CohortDesign(modality="xray")


def test_strong_diseases_stay_within_what_eyes_can_have() -> None:
    everything = Disease.parse(
        "x=narrowing:0.9,widening:5,winding:9,dropout:0.9,nicking:3,cupping:2,avascular:9"
    )
    assert everything.changed(EyeTraits()) == EyeTraits(
        artery_calibre=0.3,
        vein_calibre=2.0,
        artery_tortuosity=4.0,
        vein_tortuosity=4.0,
        dropout=0.6,
        nicking=0.8,
        cup_to_disc=0.9,
        avascular=3.0,
    )


def test_labels_left_empty_are_known_to_the_truth(tmp_path: Path) -> None:
    design = CohortDesign(
        size=(96, 96),
        one_eyed=1.0,
        missing=0.5,
        masked=0.0,
        sites=("one",),
        columns=True,
        pictured=False,
        picture="png",
    )
    write_cohort(tmp_path, 4, 3, design=design)
    manifest, truth = rows(tmp_path / "manifest.csv"), rows(tmp_path / "truth.csv")
    empty = [row[name] == "" for row in manifest for name in ("hypertension", "hba1c")]
    assert 0 < sum(empty) < len(empty)
    assert all(row["hypertension"] and row["hba1c"] for row in truth)
    assert all(float(row["disc_area"]) > 1.0 for row in truth)  # biomarker columns, in mm2
    assert {row["site"] for row in manifest} == {"one"}


def test_masks_alone_come_with_pictures_of_the_empty_field(tmp_path: Path) -> None:
    design = CohortDesign(size=(128, 128), pictured=False, masked=1.0, one_eyed=1.0, picture="png")
    write_cohort(tmp_path, 1, 3, design=design)
    (row,) = rows(tmp_path / "manifest.csv")
    picture = np.asarray(Image.open(tmp_path / row["image"]))
    assert set(np.unique(picture[32:96, 32:96])) == {128}
    assert picture[0, 0].max() == 0
    assert np.asarray(Image.open(tmp_path / row["artery_mask"])).max() > 100


def test_an_octa_cohort_plants_a_larger_avascular_zone_with_hba1c(tmp_path: Path) -> None:
    people = draw_people(30, 4, design=CohortDesign(modality="octa"))
    planted = [(p.labels["hba1c"], p.traits[0].avascular, p.traits[0].dropout) for p in people]
    for hba1c, zone, lost in planted:
        assert zone == pytest.approx(1 + 0.12 * max(hba1c - 5.5, 0), abs=0.007)  # the label is rounded to 0.1
        assert lost == pytest.approx(0.05 * max(hba1c - 5.5, 0), abs=0.003)
    assert all(p.traits[0].avascular == 1 for p in draw_people(9, 4))  # photographs stay as they were
    design = CohortDesign(modality="octa", size=(96, 96), masked=1.0, one_eyed=1.0, picture="png")
    write_cohort(tmp_path, 1, 4, design=design)
    (row,) = rows(tmp_path / "manifest.csv")
    assert (row["modality"], row["fov_mm"]) == ("octa", "3.0")
    shares = {
        name: np.asarray(Image.open(tmp_path / row[f"{name}_mask"])).mean() / 255
        for name in ("capillary", "large_vessel", "faz")
    }
    assert shares["large_vessel"] < shares["capillary"] < 0.6
    assert 0.005 < shares["faz"] < 0.15
    assert np.asarray(Image.open(tmp_path / row["image"])).std() > 10


def test_a_cohort_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    drawn: list[str] = []

    def until(count: int) -> Callable[[Callable[[EyePlan], EyeRows], Sequence[EyePlan]], Iterator[EyeRows]]:
        def over(write: Callable[[EyePlan], EyeRows], eyes: Sequence[EyePlan]) -> Iterator[EyeRows]:
            for number, plan in enumerate(eyes):
                if number == count:
                    raise KeyboardInterrupt
                drawn.append(plan.stem)
                yield write(plan)

        return over

    design = CohortDesign(size=(96, 96), one_eyed=1.0, pictured=False, picture="png", columns=True)
    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        make_cohort(folder, 3, 6, design=design, over=until(2))
    assert not (folder / "manifest.csv").exists()
    first = {path: path.stat().st_mtime_ns for path in (folder / "images").iterdir()}
    assert len(first) == 2
    with pytest.raises(ConfigError, match="another design"):
        make_cohort(folder, 4, 6, design=design)
    make_cohort(folder, 3, 6, design=design)
    assert {path: path.stat().st_mtime_ns for path in first} == first  # nothing is drawn twice
    write_cohort(tmp_path / "whole", 3, 6, design=design)
    files = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file()]
    assert files == [
        p.relative_to(tmp_path / "whole") for p in sorted((tmp_path / "whole").rglob("*")) if p.is_file()
    ]
    for path in files:
        assert (folder / path).read_bytes() == (tmp_path / "whole" / path).read_bytes(), path
    with pytest.raises(ConfigError, match="not empty"):
        make_cohort(folder, 3, 6, design=design)


def test_the_committed_example_is_what_is_drawn_today(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "cohort"
    design = CohortDesign(size=(700, 700), masked=1.0, masked_eyes=1)  # as in examples/make_cohort.py
    plans = eye_plans(12, 2024, design=design)
    written = [EyeWriter(tmp_path)(plan) for plan in plans[:2]]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 5  # two pictures and three masks
    for path in files:
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path.name
    write_tables(tmp_path, written)
    for name in ("manifest.csv", "truth.csv"):
        committed = (folder / name).read_text(encoding="utf-8").splitlines()
        assert (tmp_path / name).read_text(encoding="utf-8").splitlines() == committed[:3]


def test_the_committed_example_is_whole() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples" / "cohort"
    manifest = rows(folder / "manifest.csv")
    assert len(manifest) == 23
    for row in manifest:
        for column in ("image", "artery_mask", "vein_mask", "disc_mask"):
            assert not row[column] or (folder / row[column]).is_file(), row[column]
    assert {row["hypertension"] for row in manifest} == {"0", "1", ""}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 4_000_000
