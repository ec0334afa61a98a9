"""A cohort of mutants: no crash, no hang, a row for each, and each row for the right reason.

The reduced form has one mutant of every kind. In full: `pytest -m slow tests/faults/test_thousand_mutants.py`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import mutant_forms  # noqa: F401  # kinds are registered on import
import mutant_places  # noqa: F401
import numpy as np
import pyarrow as pa
import pytest
from mutant_bytes import claims_a_huge_size
from mutants import KINDS, Mutant, Workbench, mutants

from retquant.anatomy import locate
from retquant.biomarkers import MeasureInputs, measure, run_columns, select_columns
from retquant.cohort import ClusterSettings, CohortSettings, RunSummary, Study, run
from retquant.cohort.memory import peak_gib
from retquant.config import BiomarkerSettings, ImageSettings, RunConfig
from retquant.errors import ImageError, ManifestError
from retquant.images import RetinalImage, completed, read_image, read_record
from retquant.manifest import read_manifest
from retquant.manifest.records import ImageRecord
from retquant.quality import assess
from retquant.report.artifacts import pictures
from retquant.segmentation.given import read_masks
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.tables import read_table
from retquant.tables.image_rows import to_rows
from retquant.tables.rows import ImageRows
from retquant.vessels import build_graphs

LEAVES, NO_TEXT = "leaves the manifest's folder", "no text"

CONFIG = RunConfig(
    images=ImageSettings(max_pixels=4_000_000),
    biomarkers=BiomarkerSettings(
        include=("vessel_area_density_fov", "capillary_area_density_field", "quality_score")
    ),
)


def by_threshold(image: RetinalImage, given: Mapping[str, TargetMask]) -> Segmentation:
    """In place of a model: what differs from its surroundings is a vessel."""
    green = image.pixels[..., 1].astype(np.float32)
    around = cv2.GaussianBlur(green, (0, 0), 9)
    name, differs = ("vessel", around - green) if image.modality == "cfp" else ("capillary", green - around)
    mask = np.where((differs > 12) & image.fov, np.uint8(255), np.uint8(0))
    drawn = TargetMask(probability=mask, source="model:threshold", is_hard=True)
    return Segmentation(targets={name: drawn, **given})


@dataclass(frozen=True)
class WithoutModel:
    """All stages of an image, with a threshold in place of the model."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        image = read_record(record, settings=CONFIG.images)
        record = completed(record, image)
        quality = assess(image)
        segmentation = by_threshold(image, read_masks(record.masks, image.shape))
        anatomy = locate(
            segmentation,
            record,
            field=image.field,
            fov=image.fov,
            modality=image.modality,
            file_um_per_px=None,
        )
        graphs = build_graphs(segmentation.targets, fov=image.fov, settings=CONFIG.vessels)
        inputs = MeasureInputs(
            modality=image.modality,
            fov=image.fov,
            field=image.field,
            segmentation=segmentation,
            anatomy=anatomy,
            graphs=graphs,
            quality=quality.measures,
            photograph=image.pixels,
        )
        names = select_columns(CONFIG.biomarkers.include, modality=image.modality)
        drawn = pictures(
            record.image_id,
            image=image,
            segmentation=segmentation,
            graphs=graphs,
            anatomy=anatomy,
            overlay=True,
            masks=True,
            probabilities=False,
        )
        return to_rows(inputs, measure(inputs, names), quality=quality, artifacts=drawn, seconds={})


def write_manifest(path: Path, chosen: Sequence[Mutant]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "image_id", "modality", "fov_mask", "participant_id"])
        for number, mutant in enumerate(chosen):
            name = f"row-{number}" if mutant.kind in ("device", "link_out") else ""  # several are one file
            writer.writerow([mutant.cell, name, mutant.modality, mutant.fov_mask, f"=person-{number // 2}"])
    return path


def records_of(study: Path, made: Sequence[Mutant]) -> list[ImageRecord]:
    """A record for every mutant, in their order: a manifest's, or of names that no manifest takes a program's."""
    named = [mutant for mutant in made if mutant.refused in ("", LEAVES)]
    manifest = read_manifest(write_manifest(study / "manifest.csv", named), allow_outside=True)
    found = dict(zip(map(id, named), manifest.records, strict=True))
    return [
        found.get(id(mutant))
        or ImageRecord(image_id=f"other-{n}", image=study / mutant.cell, row=n, modality=mutant.modality)
        for n, mutant in enumerate(made)
    ]


def study_of(folder: Path, records: Sequence[ImageRecord]) -> Study:
    return Study(
        manifest=folder / "manifest.csv",
        records=records,
        participants=pa.table({"image_id": [record.image_id for record in records]}),
        process=WithoutModel(),
        columns=run_columns(CONFIG.biomarkers.include, modalities={"cfp", "octa"}),
        config_digest=CONFIG.digest(),
        config_toml=CONFIG.as_toml(),
    )


def judge(out: Path, records: Sequence[ImageRecord], made: Sequence[Mutant]) -> list[str]:
    """What is not as it has to be: a row too many or too few, or a reason that is not the right one."""
    results = read_table(out, "biomarkers")["image_id"].to_pylist()
    failures = {row["image_id"]: row for row in read_table(out, "failures").to_pylist()}
    assert sorted([*results, *failures]) == sorted(record.image_id for record in records)
    wrong = []
    for record, mutant in zip(records, made, strict=True):
        failure = failures.get(record.image_id)
        message = None if failure is None else failure["message"]
        is_told = failure is None or (
            failure["stage"] == "read"
            and failure["error"] == "ImageError"
            and failure["where"]
            and failure["hint"]
        )
        if not (is_told and mutant.is_right(message)):
            wrong.append(f"{mutant.kind} {mutant.cell[-60:]!r}: wanted {mutant.outcome!r}, found {failure}")
    return wrong


Cohort = tuple[list[Mutant], list[ImageRecord]]


def cohort_in(folder: Path, count: int) -> Cohort:
    made = mutants(folder, count)
    return made, records_of(folder / "study", made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants")


@pytest.fixture(scope="module")
def cohort(folder: Path) -> Cohort:
    """One mutant of every kind."""
    return cohort_in(folder, len(KINDS))


def check(folder: Path, cohort: Cohort, settings: CohortSettings) -> RunSummary:
    made, records = cohort
    before, out = sorted(folder.rglob("*")), folder / "results"
    study = study_of(folder / "study", records)
    summary = run(study, out, settings=settings)
    assert summary.done + summary.failed == len(made)
    assert judge(out, records, made) == []
    # nothing is written but in the folder of the results, whatever names the images have
    assert sorted(path for path in folder.rglob("*") if out not in (path, *path.parents)) == before
    assert len(list((out / "overlays").iterdir())) == summary.done
    again = run(study, out, settings=settings)
    assert (again.done, again.failed, again.kept, again.kept_failures) == (0, 0, summary.done, summary.failed)
    return summary


def test_one_mutant_of_every_kind_has_its_row_for_the_right_reason(
    folder: Path, cohort: Cohort, capfd: pytest.CaptureFixture[str]
) -> None:
    here = CohortSettings(cluster=ClusterSettings(workers=0), seconds_per_image=300)
    summary = check(folder, cohort, here)
    assert summary.failed > summary.done > 20
    assert capfd.readouterr() == ("", "")  # nor does any reader tell the terminal what it thinks of them


@pytest.mark.slow
def test_a_thousand_mutants_have_a_thousand_rows_for_the_right_reasons(tmp_path: Path) -> None:
    """On workers that have little memory: a bomb that goes off, or a reader that crashes, would cost its image."""
    cluster = ClusterSettings(workers=2, most_gib_a_worker=1.5)
    check(tmp_path, cohort_in(tmp_path, 1000), CohortSettings(cluster=cluster, seconds_per_image=300))


def test_a_manifest_refuses_exactly_what_leaves_its_folder_or_its_archive(
    folder: Path, cohort: Cohort
) -> None:
    made = [mutant for mutant in cohort[0] if mutant.refused != NO_TEXT]
    with pytest.raises(ManifestError) as caught:
        read_manifest(write_manifest(folder / "study" / "refused.csv", made))
    rows = dict(enumerate(made, start=2))  # names hold line breaks: a row is its number, not its line
    told = {fault.row: fault.problem for fault in caught.value.faults}
    assert set(told) == {row for row, mutant in rows.items() if mutant.refused}
    assert not [
        (rows[row].refused, problem) for row, problem in told.items() if rows[row].refused not in problem
    ]


def test_a_size_that_is_a_lie_takes_no_memory(tmp_path: Path) -> None:
    """Eight formats that claim up to 4 billion pixels; that one is told so is judged above."""
    before = peak_gib()
    for variant in range(8):
        bench = Workbench(
            folder=tmp_path,
            outside=tmp_path,
            number=variant,
            variant=variant,
            random=np.random.default_rng(variant),
        )
        cell, words = claims_a_huge_size(bench)
        with pytest.raises(ImageError, match=words):
            read_image(tmp_path / cell, settings=ImageSettings())
    assert peak_gib() - before < 0.1
