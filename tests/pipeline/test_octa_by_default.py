"""An angiogram without masks, from the file to the columns, by the model that ships as default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.config import BiomarkerSettings, RunConfig
from retquant.manifest.records import ImageRecord
from retquant.phantoms import OctaRetina, angiogram, octa_retina
from retquant.pipeline import Analysis, analyse
from retquant.segmentation.bundles import read_bundle

SEED = 31_000  # no recipe and no benchmark draws it
COLUMNS = ("faz_*", "*_area_density_field", "*_length_density_field", "quality_*")


@pytest.fixture(scope="module")
def retina() -> OctaRetina:
    return octa_retina(SEED, field_mm=3.0, size=304)


@pytest.fixture(scope="module")
def found(retina: OctaRetina, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    path = tmp_path_factory.mktemp("angiogram") / "scan.png"
    Image.fromarray(angiogram(retina, SEED)).save(path)
    record = ImageRecord(image_id="scan", image=path, row=1, eye="OD", modality="octa", fov_mm=3.0)
    return analyse(record, RunConfig(biomarkers=BiomarkerSettings(include=COLUMNS)))


def test_the_default_model_learned_from_openly_licensed_images_only() -> None:
    name = RunConfig().segmentation.octa_model
    assert name is not None
    bundle = read_bundle(name)
    assert bundle.is_open
    assert bundle.modality == "octa"
    assert set(bundle.targets) == {"large_vessel", "capillary", "artery", "vein", "faz"}


def test_the_avascular_zone_and_the_vessels_are_near_the_truth(found: Analysis, retina: OctaRetina) -> None:
    values = {name: one.value for name, one in found.biomarkers.items() if one.reason is None}
    # measured over six such scans: zone -2 to +9 %, large vessels -9 to +30 % of their area
    assert values["faz_area"] == pytest.approx(retina.truth["faz_area"], rel=0.12)
    drawn = retina.coverage("large_vessel").mean()
    assert values["large_vessel_area_density_field"] == pytest.approx(drawn, rel=0.4)
    assert 0.2 < values["capillary_area_density_field"] < 0.5
    assert found.quality.grade != "reject"


def test_arteries_and_veins_are_large_vessels(found: Analysis) -> None:
    masks = {name: target.mask for name, target in found.segmentation.targets.items()}
    either = masks["artery"] | masks["vein"]
    assert either.any()
    assert (either & ~masks["large_vessel"]).mean() < 0.002


def test_a_field_without_an_avascular_zone_gets_a_reason(retina: OctaRetina, tmp_path: Path) -> None:
    picture = angiogram(octa_retina(SEED, field_mm=6.0, size=400), SEED)[
        :150, :150
    ]  # a corner, far from the fovea
    Image.fromarray(np.ascontiguousarray(picture)).resize((300, 300)).save(tmp_path / "corner.png")
    record = ImageRecord(
        image_id="corner", image=tmp_path / "corner.png", row=1, eye="OD", modality="octa", fov_mm=2.25
    )
    corner = analyse(record, RunConfig(biomarkers=BiomarkerSettings(include=("faz_area", "*_parafovea"))))
    assert corner.biomarkers["faz_area"].reason in ("no_faz", "region_out_of_bounds")
    assert corner.biomarkers["capillary_area_density_parafovea"].reason == "no_fovea"
