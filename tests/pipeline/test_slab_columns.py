"""An angiogram measured slab by slab: each slab's own vessels and light, in the one place of the eye."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import retquant
from retquant.association.catalogue import choose_biomarkers
from retquant.biomarkers import BIOMARKERS, find_column
from retquant.biomarkers.each_slab import slab_image
from retquant.biomarkers.slabs import is_per_slab
from retquant.cohort import ClusterSettings, CohortSettings
from retquant.cohort.published import run_schemas
from retquant.config import BiomarkerSettings, RunConfig, SegmentationSettings
from retquant.errors import ImageError
from retquant.images import RetinalImage, read_record
from retquant.manifest.records import ImageRecord
from retquant.phantoms import OctaRetina, OctaTraits, octa_retina
from retquant.pipeline import Analysis, analyse
from retquant.segmentation import models, segmenter
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.tables.modalities import of_one_modality
from retquant.tables.reader import read_table

HERE = CohortSettings(cluster=ClusterSettings(workers=0))
DARK = 20  # grey level of a picture where nothing flows
SOFT_EDGE = 0.01  # of an area: pixels half covered are read as 8-bit chances of being vessel
MIDDLE = slice(30, 172)
FIELD_MM = 2.0 * 142 / 203
GAIN = {"svc": 200, "dvc": 100}  # levels above it in vessels
NO_MODEL = RunConfig(segmentation=SegmentationSettings(model="fundus-vessels", octa_model=None))
DRAWN = RunConfig(segmentation=SegmentationSettings(octa_model="drawn"))


@pytest.fixture(scope="module")
def retinas() -> dict[str, OctaRetina]:
    sparser = octa_retina(5, field_mm=2.0, size=203, traits=OctaTraits(dropout=0.3))
    return {"svc": octa_retina(4, field_mm=2.0, size=203), "dvc": sparser}


def middle(retina: OctaRetina, structure: str) -> np.ndarray:
    """(142, 142) share of each pixel that a structure covers, in the middle of the field: half the work."""
    return retina.coverage(structure)[MIDDLE, MIDDLE]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory, retinas: Mapping[str, OctaRetina]) -> ImageRecord:
    """Two slabs with vessels of two retinas; masks of the first, its foveal avascular zone among them."""
    folder = tmp_path_factory.mktemp("scan")
    for slab, retina in retinas.items():
        light = np.rint(DARK + GAIN[slab] * middle(retina, "capillary")).astype(np.uint8)
        Image.fromarray(light).save(folder / f"{slab}.png")
    masks = {}
    for name in ("capillary", "large_vessel", "faz"):
        share = np.rint(middle(retinas["svc"], name) * 255).astype(np.uint8)
        Image.fromarray(share).save(folder / f"{name}.png")
        masks[name] = folder / f"{name}.png"
    return ImageRecord(
        image_id="scan",
        image=folder / "svc.png",
        row=2,
        modality="octa",
        eye="OD",
        fov_mm=FIELD_MM,
        masks=masks,
        slabs=(folder / "dvc.png",),
        slab_names=("svc", "dvc"),
    )


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle `drawn` whose network reads capillaries off the drawing, and finds no avascular zone."""
    bundle = models.read_bundle("fundus-vessels").model_copy(
        update={"name": "drawn", "modality": "octa", "targets": ("capillary", "faz")}
    )

    def segment(image: RetinalImage) -> Segmentation:
        light = image.pixels[..., 0].astype(float) - DARK
        share = np.rint(255 * light / light.max()).astype(np.uint8)
        targets = {"capillary": share, "faz": np.zeros_like(share)}
        return Segmentation(
            targets=MappingProxyType(
                {name: TargetMask(probability=map_, source="model:drawn") for name, map_ in targets.items()}
            )
        )

    monkeypatch.setattr(models, "read_bundle", lambda name: bundle)
    monkeypatch.setattr(segmenter, "load_segmenter", lambda name, **_: segment)


def values(found: Analysis) -> dict[str, tuple[float, float | None, str | None]]:
    return {name: (m.value, m.standard_error, m.reason) for name, m in found.biomarkers.items()}


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one[1:] == other[1:] and np.array_equal(one[0], other[0], equal_nan=True)


def test_a_slab_reads_its_own_light_and_vessels_at_known_truth(
    scan: ImageRecord, retinas: Mapping[str, OctaRetina], model: None
) -> None:
    found = analyse(scan, DRAWN).biomarkers
    zone = middle(retinas["svc"], "faz")
    shares = [middle(retina, "capillary").mean() for retina in retinas.values()]
    assert abs(shares[0] - shares[1]) > 0.03 * min(shares)  # or the next lines would prove little
    for slab, retina in retinas.items():
        share, light = middle(retina, "capillary"), np.asarray(Image.open(scan.image.parent / f"{slab}.png"))
        assert found[f"capillary_area_density_field_{slab}"].value == pytest.approx(
            share.mean(), rel=SOFT_EDGE
        )
        flux = (share * light).sum() / share.sum() / 255
        assert found[f"capillary_flux_field_{slab}"].value == pytest.approx(flux, rel=2 * SOFT_EDGE)
        light_of_all = light.mean() / 255
        assert found[f"capillary_perfusion_intensity_density_field_{slab}"].value == pytest.approx(
            light_of_all, rel=1e-3
        )
        # each slab's own darkness, in the zone of slab 1
        dark = (zone * light).sum() / zone.sum() / 255
        index = (flux - dark) / (1 - dark)
        assert found[f"capillary_blood_flow_index_field_{slab}"].value == pytest.approx(
            index, rel=2 * SOFT_EDGE
        )
    assert found["faz_area"].value == pytest.approx(retinas["svc"].truth["faz_area"], rel=0.01)


def test_a_slab_gives_what_it_would_as_a_scan_of_its_own_at_that_place(
    scan: ImageRecord, model: None
) -> None:
    both = values(analyse(scan, DRAWN))
    alone = replace(scan, slabs=(), slab_names=())
    upper = values(analyse(alone, DRAWN))
    deep = replace(alone, image=scan.slabs[0], masks={"faz": scan.masks["faz"]})
    lower = values(analyse(deep, DRAWN))
    assert upper.keys() == lower.keys() == {n for n, c in BIOMARKERS.items() if "octa" in c.modalities}
    for name in upper:
        if is_per_slab(BIOMARKERS[name]):
            assert same(both[f"{name}_svc"], upper[name]), name
            assert same(both[f"{name}_dvc"], lower[name]), name
        else:
            assert same(both[name], upper[name]), name
    assert sum(value[2] is None for name, value in both.items() if name.endswith("_dvc")) > 80


def test_without_a_model_further_slabs_are_missing_with_a_reason(scan: ImageRecord) -> None:
    found = values(analyse(scan, NO_MODEL))
    deep = {name: value for name, value in found.items() if name.endswith("_dvc")}
    assert len(deep) == sum(is_per_slab(column) for column in BIOMARKERS.values())
    assert {value[2] for value in deep.values()} == {"target_absent"}
    assert found["capillary_area_density_field_svc"][2] is None
    assert found["faz_area"][2] is None


def test_standard_errors_of_further_slabs_are_made_as_those_of_the_first(
    scan: ImageRecord, model: None
) -> None:
    names = ("capillary_area_density_field", "capillary_length_density_field", "faz_area")
    settings = DRAWN.model_copy(update={"biomarkers": BiomarkerSettings(include=names, uncertainty=True)})
    found = analyse(scan, settings).biomarkers
    for name in names[:2]:
        upper, deep = (found[f"{name}_{slab}"] for slab in ("svc", "dvc"))
        assert upper.standard_error
        assert deep.standard_error
        # as shares of their values: both slabs are drawn alike, and so are the doubts of their edges
        ratio = deep.standard_error / deep.value / (upper.standard_error / upper.value)
        assert 1 / 3 < ratio < 3
    assert found["faz_area"].standard_error


def test_a_slab_nothing_is_asked_of_is_not_segmented(
    scan: ImageRecord, model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the model ran")

    monkeypatch.setattr(segmenter, "load_segmenter", refuse)
    settings = DRAWN.model_copy(update={"biomarkers": BiomarkerSettings(include=("*_svc", "faz_*"))})
    found = analyse(scan, settings).biomarkers
    assert not [name for name in found if name.endswith("_dvc")]


def test_slabs_of_unlike_size_are_refused(scan: ImageRecord, tmp_path: Path) -> None:
    Image.fromarray(np.asarray(Image.open(scan.slabs[0]))[:135]).save(tmp_path / "cut.png")
    with pytest.raises(ImageError, match=r"slab 2 is 142 × 135 pixels, slab 1 142 × 142"):
        analyse(replace(scan, slabs=(tmp_path / "cut.png",)), NO_MODEL)


def test_the_picture_of_a_slab_is_that_slab_s_pixels_from_files_or_pages(
    scan: ImageRecord, tmp_path: Path
) -> None:
    planes = [Image.open(path) for path in (scan.image, *scan.slabs)]
    planes[0].save(tmp_path / "pages.tif", save_all=True, append_images=planes[1:])
    for record in (scan, replace(scan, image=tmp_path / "pages.tif", slabs=())):
        image = read_record(record, settings=NO_MODEL.images)
        deep = slab_image(image, "dvc")
        assert deep is not None
        assert np.array_equal(deep.pixels[..., 1], np.asarray(planes[1]))
        assert slab_image(image, "icp") is None


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory, write_cohort: Callable[[Path], Path], scan: ImageRecord
) -> Path:
    """A photograph, a scan of two slabs, and one of the deep slab alone: the manifest."""
    cohort = write_cohort(tmp_path_factory.mktemp("mixed") / "study")
    folder = cohort.parent
    for file in folder.glob("*.png"):
        with Image.open(file) as picture:
            small = picture.reduce(2)  # a small photograph is enough
        small.save(file)
    for file in (scan.image, *scan.slabs, *scan.masks.values()):
        (folder / f"scan_{file.name}").write_bytes(file.read_bytes())
    masks = {f"{name}_mask": f"scan_{path.name}" for name, path in scan.masks.items()}
    eye = {"modality": "octa", "eye": "OD", "fov_mm": str(FIELD_MM), "age": "50", "ill": "1", **masks}
    one = {"image": "scan_svc.png", "participant_id": "7", "slab_1_name": "svc", "slab_2_name": "dvc"}
    two = {"image": "scan_dvc.png", "participant_id": "9", "slab_1_name": "Deep"}
    photograph = pd.read_csv(cohort, dtype=str).iloc[:1]
    rows = [photograph, pd.DataFrame([eye | one | {"slab_2": "scan_dvc.png"}, eye | two])]
    pd.concat(rows).to_csv(cohort, index=False)
    return cohort


@pytest.fixture(scope="module")
def measured(mixed: Path) -> Path:
    """The results, without a model."""
    summary = retquant.run_cohort(mixed, config=NO_MODEL, settings=HERE)
    assert (summary.done, summary.failed) == (3, 0)
    return summary.out


def test_a_run_has_its_columns_once_a_slab_in_one_order(measured: Path, retinas: Mapping[str, Any]) -> None:
    table = retquant.load_biomarkers(measured).set_index("image_id")
    names = list(table.attrs["units"])
    columns = [find_column(name.removesuffix("__se")) for name in names]
    assert all(columns)
    assert {column.slab for column in columns if column} == {None, "svc", "dvc"}
    place = names.index("capillary_area_density_field_svc")
    assert names[place + 1] == "capillary_area_density_field_dvc"
    assert "capillary_area_density_field" not in names
    assert "faz_area" in names
    density = table["capillary_area_density_field_svc"]
    assert density["scan_svc"] == pytest.approx(middle(retinas["svc"], "capillary").mean(), rel=SOFT_EDGE)
    assert np.isnan(density["scan_dvc"])
    assert np.isnan(density["7_OD"])
    # slab 1 of the second scan is its deep one, and its masks are of that
    assert table.loc["scan_dvc", "capillary_area_density_field_dvc"] == density["scan_svc"]


def test_what_both_modalities_have_is_photographs_without_a_slab(measured: Path) -> None:
    shared = "artery_area_density_fovea"
    rows = read_table(measured, "dictionary").to_pandas().query("table == 'biomarkers'").set_index("name")
    assert rows.loc[shared, "modalities"] == "cfp"
    assert rows.loc[f"{shared}_svc", "modalities"] == "octa"
    assert rows.loc["quality_score", "modalities"] == "cfp octa"
    missing = read_table(measured, "missing").to_pandas()
    of_photograph = set(missing.loc[missing["image_id"] == "7_OD", "biomarker"])
    of_scan = set(missing.loc[missing["image_id"] == "scan_svc", "biomarker"])
    assert shared in of_photograph
    assert shared not in of_scan
    assert not [name for name in of_photograph if name.endswith(("_svc", "_dvc"))]
    images = retquant.load_biomarkers(measured)
    assert of_one_modality(images, [shared, f"{shared}_svc"])[1] == []


def test_the_dictionary_says_what_a_column_of_a_slab_is(measured: Path) -> None:
    rows = read_table(measured, "dictionary").to_pandas().query("table == 'biomarkers'").set_index("name")
    row, column = rows.loc["capillary_area_density_field_dvc"], BIOMARKERS["capillary_area_density_field"]
    assert (row["definition_id"], row["version"], row["unit"]) == (
        column.definition_id,
        str(column.version),
        column.unit,
    )
    assert "slab dvc" in row["definition"]
    assert "slab dvc" in row["definitions"]


def test_slabs_that_a_scan_has_not_are_told_missing_once(measured: Path) -> None:
    missing = read_table(measured, "missing").to_pandas().set_index("image_id")
    for image, absent in (("scan_svc", "_dvc"), ("scan_dvc", "_svc")):
        told = missing.loc[image].set_index("biomarker")["reason"]
        assert told.index.is_unique
        there = told[told.index.str.endswith(absent)]
        assert set(there) == {"target_absent"}
        assert len(there) == sum(is_per_slab(column) for column in BIOMARKERS.values())


def test_rows_of_such_a_run_are_valid_by_the_published_schema(measured: Path) -> None:
    rows = read_table(measured, "biomarkers").to_pylist()
    jsonschema.validate(rows, {"type": "array", "items": run_schemas()["biomarkers"]})
    assert run_schemas()["biomarkers"]["additionalProperties"] is False


def test_running_again_measures_nothing_anew(measured: Path, mixed: Path) -> None:
    again = retquant.run_cohort(mixed, config=NO_MODEL, settings=HERE)
    assert (again.done, again.kept) == (0, 3)


def test_a_study_knows_what_columns_of_slabs_are(measured: Path) -> None:
    table = retquant.load_biomarkers(measured, eyes="mean")
    chosen = {tested.name: tested for tested in choose_biomarkers(table, ["large_vessel_*", "faz_*"])}
    derived = {name for name, tested in chosen.items() if tested.role == "derived"}
    assert "large_vessel_tortuosity_soam_median_field_svc" in derived
    assert "faz_circularity" in derived
    assert chosen["large_vessel_area_density_field_dvc"].unit == "1"
    bare = pd.DataFrame({"capillary_area_density_field_svc": [0.1, 0.2]})
    assert choose_biomarkers(bare, ["*"])[0].definition.endswith("slab svc, superficial vascular complex.")
