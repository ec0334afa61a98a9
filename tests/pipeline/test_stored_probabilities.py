"""What a model drew is kept: new columns come from it without a model, and travel between workers as it is."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import retquant
from retquant.cohort import ClusterSettings, CohortSettings, RefusedError, RunSummary
from retquant.cohort.withdraw import withdraw
from retquant.config import BiomarkerSettings, RunConfig, SegmentationSettings
from retquant.manifest.records import ImageRecord
from retquant.segmentation.bundles import WEIGHTS_FILE, read_bundle
from retquant.segmentation.drawings import View
from retquant.segmentation.parcels import PackedImage, ParcelError, pack, unpack
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.segmentation.segmenter import load_segmenter
from retquant.tables.reader import read_table
from retquant.tables.schemas import CHUNK_TABLES
from retquant.worker import CohortProcess

HERE = CohortSettings(cluster=ClusterSettings(workers=0))
FEW = ("vessel_area_density*", "artery_area_density*")
MORE = ("vessel_area_density*", "vein_area_density*", "quality_*")


@pytest.fixture
def study(tmp_path: Path, cohort: Path) -> Path:
    """Two photographs of drawn vessels without masks; the manifest's path."""
    rng = np.random.default_rng(0)
    plain = np.array(Image.open(cohort.parent / "7_OD.png"))
    for name in ("a", "b"):
        noise = rng.normal(0, 3, plain.shape)
        Image.fromarray(np.clip(plain + noise * (plain > 0), 0, 255).astype(np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    (tmp_path / "m.csv").write_text("image,participant_id,eye,um_per_px\na.png,1,OD,10\nb.png,2,OS,10\n")
    return tmp_path / "m.csv"


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[tuple[str, ...]], RunConfig]:
    """Settings with a copy of the shipped model, whose weights can be taken away."""
    folder = tmp_path / "model"
    folder.mkdir()
    shipped = read_bundle("fundus-general").folder
    for file in ("model.json", WEIGHTS_FILE):
        (folder / file).write_bytes((shipped / file).read_bytes())

    def of(columns: tuple[str, ...]) -> RunConfig:
        return RunConfig(
            segmentation=SegmentationSettings(model=str(folder)),
            biomarkers=BiomarkerSettings(include=columns),
        )

    return of


def rows(out: Path, table: str) -> pd.DataFrame:
    frame = read_table(out, table).to_pandas()
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def assert_same_results(one: Path, other: Path) -> None:
    for table in CHUNK_TABLES:
        pd.testing.assert_frame_equal(rows(one, table), rows(other, table), obj=table, check_exact=True)


def lose_the_weights(folder: Path) -> None:
    """So that any attempt to segment ends the run."""
    load_segmenter.cache_clear()
    (folder / "model" / WEIGHTS_FILE).unlink()


def measure_again(study: Path, config: RunConfig, **changes: object) -> RunSummary:
    return retquant.run_cohort(study, config=config, settings=replace(HERE, **changes), stage="measure")


def test_new_columns_come_from_stored_maps_without_a_model_as_a_full_run_gives_them(
    study: Path, settings: Callable[[tuple[str, ...]], RunConfig]
) -> None:
    out, full = study.with_suffix(""), study.parent / "full"
    retquant.run_cohort(study, config=settings(FEW), settings=HERE)
    retquant.run_cohort(study, full, config=settings(MORE), settings=HERE)
    lose_the_weights(study.parent)
    with pytest.raises(RefusedError, match="2 images will be redone"):
        measure_again(study, settings(MORE))
    summary = measure_again(study, settings(MORE), agreed=True)
    assert (summary.done, summary.failed) == (2, 0)
    assert_same_results(out, full)
    assert measure_again(study, settings(MORE)).kept == 2
    for name in ("a", "b"):
        maps = Path("probabilities") / f"{name}.arrow"
        assert (out / maps).read_bytes() == (full / maps).read_bytes()
    withdraw(out, ["2"])
    assert [kept.name for kept in (out / "probabilities").iterdir()] == ["a.arrow"]


def test_images_without_stored_maps_are_named_and_fail_alone_until_they_are_segmented(
    study: Path, settings: Callable[[tuple[str, ...]], RunConfig]
) -> None:
    out = study.with_suffix("")
    retquant.run_cohort(study, config=settings(FEW), settings=HERE)
    (out / "probabilities" / "b.arrow").unlink()
    with pytest.raises(RefusedError, match=r"1 of 2 images have no stored probabilities .*\(b\)"):
        measure_again(study, settings(MORE))
    summary = measure_again(study, settings(MORE), agreed=True)
    assert (summary.done, summary.failed) == (1, 1)
    failure = rows(out, "failures").iloc[0]
    assert (failure["image_id"], failure["stage"], failure["error"]) == ("b", "segment", "NotDrawnError")
    assert "--only-failed" in failure["hint"]
    again = replace(HERE, redo="only failed")
    done = retquant.run_cohort(study, config=settings(MORE), settings=again, store=False)
    assert (done.done, done.failed) == (1, 0)
    assert not (out / "probabilities" / "b.arrow").exists()
    assert set(rows(out, "biomarkers")["image_id"]) == {"a", "b"}


def test_maps_of_other_pixels_or_settings_and_damaged_ones_are_not_measured(
    study: Path, settings: Callable[[tuple[str, ...]], RunConfig]
) -> None:
    out = study.with_suffix("")
    retquant.run_cohort(study, config=settings(FEW), settings=HERE)
    lose_the_weights(study.parent)
    mirrors = settings(MORE)
    mirrors = mirrors.model_copy(
        update={"segmentation": mirrors.segmentation.model_copy(update={"mirrors": True})}
    )
    with pytest.raises(RefusedError, match="2 of 2 images have no stored probabilities of this model"):
        measure_again(study, mirrors, agreed=True)
    assert len(rows(out, "biomarkers")) == 2, "nothing was changed"
    kept = out / "probabilities" / "a.arrow"
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    picture = np.array(Image.open(study.parent / "b.png"))
    picture[150, 150] ^= 1
    Image.fromarray(picture).save(study.parent / "b.png")
    assert measure_again(study, settings(MORE), agreed=True).failed == 2
    said = rows(out, "failures").set_index("image_id")["message"]
    assert "no maps" in said["a"]
    assert "other pixels" in said["b"]


def test_the_key_of_maps_is_of_what_the_model_sees(study: Path) -> None:
    from retquant.segmentation.drawings import drawing_key

    process = CohortProcess(config=RunConfig())
    image = process.open(ImageRecord(image_id="a", image=study.parent / "a.png", row=1, modality="cfp")).image
    plain = SegmentationSettings()
    key = drawing_key(image, plain)
    field = image.fov.copy()
    field[: len(field) // 2] = False
    assert drawing_key(replace(image, um_per_px=3.0, eye="OS"), plain) == key
    assert drawing_key(replace(image, fov=field), plain) != key
    assert drawing_key(image, plain.model_copy(update={"mirrors": True})) != key
    assert drawing_key(image, plain.model_copy(update={"model": "fundus-research"})) != key


@pytest.mark.parametrize("uncertainty", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_scan_of_slabs_in_parts_is_as_in_one(tmp_path: Path, uncertainty: bool) -> None:
    rng = np.random.default_rng(1)
    for name in ("svc", "dvc"):
        Image.fromarray(rng.integers(0, 255, (180, 180), np.uint8)).save(tmp_path / f"{name}.png")
    record = ImageRecord(
        image_id="scan",
        image=tmp_path / "svc.png",
        row=1,
        eye="OD",
        modality="octa",
        fov_mm=3.0,
        slabs=(tmp_path / "dvc.png",),
        slab_names=("svc", "dvc"),
    )
    config = RunConfig(
        biomarkers=BiomarkerSettings(include=("capillary_area_density_field*",), uncertainty=uncertainty)
    )
    process = CohortProcess(config=config, slabs=("svc", "dvc"), store=True)
    whole = process(record)
    opened = process.open(record)
    asked = process.ask(opened)
    assert asked is not None
    assert len(asked.views) == 2 * (3 if uncertainty else 1)
    (drawn,) = process.draw(pickle.loads(pickle.dumps([asked])))
    parts = process.measure(opened, drawn)
    assert parts.biomarkers == whole.biomarkers
    assert parts.artifacts == whole.artifacts
    assert {view.slab for view in unpack(drawn)[0]} == {None, "dvc"}


def test_an_image_travels_with_its_field_as_bits_and_arrives_as_it_was(study: Path) -> None:
    process = CohortProcess(config=RunConfig())
    opened = process.open(ImageRecord(image_id="a", image=study.parent / "a.png", row=1, modality="cfp"))
    asked = process.ask(opened)
    assert isinstance(asked, PackedImage)
    pixels = opened.image.shape[0] * opened.image.shape[1]
    assert asked.nbytes == 3 * pixels + -(-pixels // 8)
    found = pickle.loads(pickle.dumps(asked)).unpacked()
    assert (found.fov == opened.image.fov).all()
    assert (found.pixels == opened.image.pixels).all()
    assert found.field.center == opened.image.field.center


def test_no_bit_of_kept_maps_changes_unseen() -> None:
    probability = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    target = TargetMask(probability=probability, source="model:any")
    content = pack({View(mirror=1): Segmentation(targets={"vessel": target})}, key="key")
    assert (unpack(content)[0][View(mirror=1)].targets["vessel"].probability == probability).all()
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 16
        try:
            drawings, key = unpack(bytes(damaged))
        except ParcelError:
            continue
        if key == "key":  # else it is not taken either
            assert (drawings[View(mirror=1)].targets["vessel"].probability == probability).all()
    with pytest.raises(ParcelError, match="no maps"):
        unpack(content[:-20])


@pytest.mark.slow
def test_photographs_drawn_by_a_worker_with_a_device_give_what_one_process_gives(study: Path) -> None:
    """The model is loaded by the one that draws; on the same kind of device the numbers are the same to the bit."""
    config = RunConfig(biomarkers=BiomarkerSettings(include=MORE))
    out, apart = study.with_suffix(""), study.parent / "apart"
    retquant.run_cohort(study, config=config, settings=HERE)
    cluster = ClusterSettings(workers=1, devices=("0",))
    summary = retquant.run_cohort(study, apart, config=config, settings=CohortSettings(cluster=cluster))
    assert (summary.done, summary.failed) == (2, 0)
    assert_same_results(out, apart)
    assert (out / "probabilities" / "a.arrow").read_bytes() == (
        apart / "probabilities" / "a.arrow"
    ).read_bytes()
