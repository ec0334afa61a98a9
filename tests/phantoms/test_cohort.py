"""Cohorts of digital eyes: what is written can be read back, and holds what was planted."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.errors import ConfigError
from retquant.phantoms import CohortDesign, draw_people, simple_eye, write_cohort
from retquant.phantoms.cohort import EyeWriter, eye_plans, write_tables

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
