"""One run over photographs and angiograms: one table, in which each image has what its modality has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import retquant
from retquant.biomarkers import BIOMARKERS, gates
from retquant.cohort import ClusterSettings, CohortSettings
from retquant.config import RunConfig, SegmentationSettings
from retquant.errors import ModelError, SegmentationError
from retquant.phantoms import OctaRetina, angiogram, octa_retina
from retquant.segmentation.models import model_for, models_in_use, with_model
from retquant.tables.modalities import of_one_modality
from retquant.tables.reader import read_table

HERE = CohortSettings(cluster=ClusterSettings(workers=0))
MASKS = ("large_vessel", "capillary", "faz")


@pytest.fixture(scope="module")
def retina() -> OctaRetina:
    return octa_retina(4, field_mm=2.0, size=203)


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory,
    write_cohort: Callable[[Path], Path],
    retina: OctaRetina,
) -> Path:
    """The manifest of three photographs and one angiogram of the second person's eye, all with masks."""
    cohort = write_cohort(tmp_path_factory.mktemp("mixed") / "study")
    folder = cohort.parent
    Image.fromarray(angiogram(retina, 1)).save(folder / "scan.png")
    for name in MASKS:
        share = np.rint(retina.coverage(name) * 255).astype(np.uint8)
        Image.fromarray(share).save(folder / f"scan_{name}.png")
    table = pd.read_csv(cohort, dtype=str)
    scan = {
        "image": "scan.png",
        "participant_id": "8",
        "eye": "OD",
        "age": "55",
        "ill": "0",
        "modality": "octa",
        "fov_mm": "2.0",
        **{f"{name}_mask": f"scan_{name}.png" for name in MASKS},
    }
    pd.concat([table, pd.DataFrame([scan])]).to_csv(cohort, index=False)
    return cohort


@pytest.fixture(scope="module")
def measured(mixed: Path) -> Path:
    """The results."""
    summary = retquant.run_cohort(mixed, settings=HERE)
    assert (summary.done, summary.failed) == (4, 0)
    return summary.out


def test_one_run_measures_both_and_each_image_has_what_its_modality_has(
    measured: Path, retina: OctaRetina
) -> None:
    table = retquant.load_biomarkers(measured).set_index("image_id")
    assert table["modality"].tolist() == ["cfp", "cfp", "cfp", "octa"]
    assert table.loc["scan", "faz_area"] == pytest.approx(retina.truth["faz_area"], rel=0.01)
    only = {
        modality: [name for name, column in BIOMARKERS.items() if column.modalities == (modality,)]
        for modality in ("cfp", "octa")
    }
    assert set(only["cfp"]) | set(only["octa"]) <= set(table.columns)
    assert table.loc["scan", only["cfp"]].isna().all()
    assert table.loc[["7_OD", "7_OS", "8_OD"], only["octa"]].isna().all(axis=None)


def test_what_a_modality_never_has_is_not_told_row_by_row(measured: Path) -> None:
    missing = read_table(measured, "missing").to_pandas()
    of_scan = set(missing.loc[missing["image_id"] == "scan", "biomarker"])
    assert of_scan
    assert all("octa" in BIOMARKERS[name].modalities for name in of_scan)


def test_gates_of_photographs_take_nothing_from_angiograms(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = {name: {"vessel_sharpness": 1e9} for name in ("area_density", "calibre", "faz_area")}
    monkeypatch.setattr(gates, "gates", {"cfp": never, "octa": {}}.__getitem__)
    gated = retquant.load_biomarkers(measured, gate=True).set_index("image_id")
    whole = retquant.load_biomarkers(measured).set_index("image_id")
    pd.testing.assert_series_equal(gated.loc["scan"], whole.loc["scan"])
    assert np.isnan(gated.loc["7_OD", "vessel_area_density_fov"])


def test_the_two_are_not_averaged_where_one_row_is_made_of_an_eye(measured: Path) -> None:
    images = retquant.load_biomarkers(measured)
    images["artery_area_density_fovea"] = [0.1, 0.1, 0.2, 0.6]
    apart, shared = of_one_modality(images, ["artery_area_density_fovea", "faz_area"])
    assert shared == ["artery_area_density_fovea"]
    assert apart["artery_area_density_fovea"].tolist()[:3] == [0.1, 0.1, 0.2]
    assert np.isnan(apart["artery_area_density_fovea"].iloc[3])
    people = retquant.load_biomarkers(measured, eyes="mean").set_index("participant_id")
    scan, photograph = images.set_index("image_id").loc[["scan", "8_OD"]].itertuples()
    assert people.loc["8", "quality_noise"] == photograph.quality_noise != scan.quality_noise
    assert people.loc["8", "faz_area"] == scan.faz_area
    assert "quality_noise" in people.attrs["of_photographs"]


def test_a_model_is_used_for_the_images_that_it_segments() -> None:
    settings = SegmentationSettings()
    names = [bundle.name for bundle in models_in_use(settings, {"cfp", "octa"})]
    assert names == [settings.model, settings.octa_model]
    assert [bundle.name for bundle in models_in_use(settings, {"cfp"})] == [settings.model]
    assert model_for("octa", SegmentationSettings(octa_model=None)) is None
    changed = with_model(settings, "fundus-vessels", {"cfp", "octa"})
    assert (changed.model, changed.octa_model) == ("fundus-vessels", settings.octa_model)


def test_a_model_for_images_that_are_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="segments cfp images, and there are none"):
        with_model(SegmentationSettings(), "fundus-vessels", {"octa"})


def test_a_photographs_model_set_for_angiograms_is_refused(mixed: Path) -> None:
    settings = SegmentationSettings(octa_model="fundus-vessels")
    with pytest.raises(SegmentationError, match="set for octa images"):
        retquant.run_cohort(
            mixed, mixed.parent / "other", settings=HERE, config=RunConfig(segmentation=settings)
        )
