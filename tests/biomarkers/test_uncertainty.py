"""Standard errors by perturbing the segmentation: closed forms, order of size, and the way to the tables."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import retquant
from retquant.anatomy import Anatomy, Disc, Scale
from retquant.biomarkers import BIOMARKERS, Biomarkers, MeasureInputs, Measurement, measure, missing
from retquant.biomarkers.uncertainty import (
    EDGE_DOUBT_LOGITS,
    EDGE_DOUBT_PX,
    MIRRORS,
    with_edges_moved,
    with_standard_errors,
)
from retquant.cli import app
from retquant.cohort import ClusterSettings, CohortSettings
from retquant.config import BiomarkerSettings, RunConfig, VesselSettings
from retquant.images.retinal_image import Field, RetinalImage
from retquant.phantoms import simple_eye, spokes
from retquant.segmentation.mirror import mirrored, turned_back
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.tables.reader import read_table
from retquant.vessels import VesselGraph, build_graph

CALIBRE = "artery_calibre_median_fov"
SIZE = (256, 256)


def inputs_of(target: TargetMask, *, disc: Disc | None = None) -> MeasureInputs:
    """A map of arteries as `measure` takes it, with a pixel of a micrometre."""
    fov = np.ones(target.probability.shape, bool)
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=(fov.shape[0] / 2, fov.shape[1] / 2), diameter_px=float(min(fov.shape))),
        segmentation=Segmentation(targets={"artery": target}),
        anatomy=Anatomy(disc=disc, fovea=None, scale=Scale(um_per_px=1.0, source="um_per_px"), eye=None),
        graphs={"artery": drawn(target, None)},
    )


def drawn(target: TargetMask, axis: int | None) -> VesselGraph:
    fov = np.ones(target.probability.shape, bool)
    return build_graph(target, structure="artery", fov=fov, settings=VesselSettings(), mirror=axis)


def with_errors(inputs: MeasureInputs, columns: list[str]) -> Biomarkers:
    def again(seen: Segmentation, axis: int | None) -> Biomarkers:
        graphs = {"artery": drawn(seen.targets["artery"], axis)}
        return measure(replace(inputs, segmentation=seen, graphs=graphs), columns)

    return with_standard_errors(
        measure(inputs, columns), inputs.segmentation, again=again, mirrored=lambda _: inputs.segmentation
    )


def band(*, width: float, angle: float, softness: float) -> np.ndarray:
    """(H, W) uint8 of a straight vessel through the frame whose edges are logistic curves, or hard."""
    rows, columns = np.indices(SIZE)
    turn = np.deg2rad(angle)
    inside = width / 2 - np.abs((rows - 127.3) * np.cos(turn) + (columns - 127.3) * np.sin(turn))
    share = 1 / (1 + np.exp(-inside / softness)) if softness else (inside >= 0).astype(float)
    return np.rint(255 * share).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, 30.0])
@pytest.mark.parametrize("softness", [0.7, 1.5])
def test_the_error_of_a_calibre_is_what_the_edges_slope_makes_of_the_thresholds_doubt(angle, softness):
    target = TargetMask(probability=band(width=20.0, angle=angle, softness=softness), source="model:x")
    found = with_errors(inputs_of(target), [CALIBRE])[CALIBRE]
    # a logistic edge moves by its softness for each unit of logit, and a vessel has two
    expected = 2 * EDGE_DOUBT_LOGITS * softness
    assert found.value == pytest.approx(20.0, abs=0.1)
    assert found.standard_error == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_a_hard_mask_is_in_doubt_by_a_quarter_pixel_at_either_edge(angle):
    target = TargetMask(
        probability=band(width=20.0, angle=angle, softness=0.0), source="manifest", is_hard=True
    )
    found = with_errors(inputs_of(target), [CALIBRE])[CALIBRE]
    # a profile read between pixels places a quarter pixel of coverage to 0.02 px
    assert found.standard_error == pytest.approx(2 * EDGE_DOUBT_PX, rel=0.1)


def test_a_moved_edge_leaves_what_is_certain_and_what_lies_beyond_the_frame():
    soft = TargetMask(probability=np.arange(256, dtype=np.uint8).reshape(16, 16), source="model:x")
    out, back = (
        with_edges_moved(Segmentation(targets={"vessel": soft}), outwards=outwards).targets["vessel"]
        for outwards in (True, False)
    )
    assert (out.probability.ravel()[[0, 255]] == [0, 255]).all()
    assert (np.diff(out.probability.ravel().astype(int)) >= 0).all()
    # the same doubt either way: what is moved out and in again is what it was, but for rounding
    assert out.probability[8, 0] + back.probability[7, 15] == pytest.approx(255, abs=1)
    full = TargetMask(probability=np.full((20, 20), 255, np.uint8), source="manifest", is_hard=True)
    inward = with_edges_moved(Segmentation(targets={"vessel": full}), outwards=False).targets["vessel"]
    assert (inward.probability == 255).all()
    empty = replace(full, probability=np.zeros((20, 20), np.uint8))
    assert (
        not with_edges_moved(Segmentation(targets={"vessel": empty}), outwards=True)
        .targets["vessel"]
        .mask.any()
    )


def test_errors_are_larger_where_the_map_is_blurred():
    share = spokes().scaled(0.4).coverage("artery")
    columns = ["artery_area_density_fov", CALIBRE, "artery_lacunarity_mean_fov"]
    sharp, blurred = (
        with_errors(
            inputs_of(TargetMask(probability=np.rint(255 * found).astype(np.uint8), source="model:x")),
            columns,
        )
        for found in (share, cv2.GaussianBlur(share, (0, 0), 1.5))
    )
    for name, value in sharp.items():
        assert value.standard_error is not None
        assert value.standard_error > 0
        assert blurred[name].standard_error > 2 * value.standard_error, name


def test_a_mirrored_graph_is_the_graph_of_the_mirrored_vessels():
    share = simple_eye(2, size=(512, 512)).coverage("vein")
    target = TargetMask(probability=np.rint(255 * share).astype(np.uint8), source="model:x")
    graph = drawn(target, None)
    for axis in MIRRORS:
        seen = drawn(target, axis)
        # thinning begins at another corner: junctions may differ, places and lengths hardly
        assert seen.arc_length.sum() == pytest.approx(graph.arc_length.sum(), rel=0.01)
        assert seen.points.mean(axis=0) == pytest.approx(graph.points.mean(axis=0), abs=5.0)
        turn = np.einsum("ij,ij->i", np.diff(seen.points, axis=0), seen.tangent[:-1])
        assert np.mean(turn[seen.steps[:-1] > 0] > 0) > 0.99  # tangents point along the line
        assert np.linalg.norm(seen.tangent, axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("axis", MIRRORS)
def test_a_segmenter_sees_the_mirrored_image_and_its_answer_is_turned_back(axis):
    random = np.random.default_rng(1)
    pixels = random.integers(0, 255, (40, 60, 3), np.uint8)
    image = RetinalImage(
        pixels=pixels,
        fov=np.ones((40, 60), bool),
        field=Field(center=(10.0, 20.0), diameter_px=40.0),
        modality="cfp",
        eye="OD",
    )
    seen: list[RetinalImage] = []

    def segmenter(shown: RetinalImage) -> Segmentation:
        seen.append(shown)
        return Segmentation(
            targets={"vessel": TargetMask(probability=shown.pixels[..., 1].copy(), source="model:x")}
        )

    found = turned_back(segmenter(mirrored(image, axis)), axis)
    assert (found.targets["vessel"].probability == pixels[..., 1]).all()
    assert (seen[0].pixels == np.flip(pixels, axis)).all()
    assert seen[0].field.center == ((29.0, 20.0), (10.0, 39.0))[axis]


def errors_from(value: Measurement, out: float, back: float, mirrors: tuple[float, float]) -> float | None:
    """The standard error of one column by hand-made measurements."""

    def as_measurement(number: float) -> Measurement:
        return missing("too_few_vessels") if math.isnan(number) else Measurement(value=number)

    answers = iter([out, back, *mirrors])
    found = with_standard_errors(
        {CALIBRE: value},
        Segmentation(),
        again=lambda _seen, _axis: {CALIBRE: as_measurement(next(answers))},
        mirrored=lambda _: Segmentation(),
    )
    return found[CALIBRE].standard_error


def test_half_the_difference_between_the_edges_and_the_scatter_of_the_mirrors_add_as_squares():
    value = Measurement(value=10.0, standard_error=99.0, n=3)
    # edges 12 and 9: 1.5; 10, 11, 9: variance 1
    assert errors_from(value, 12.0, 9.0, (11.0, 9.0)) == pytest.approx(math.sqrt(1.5**2 + 1.0))
    assert errors_from(value, math.nan, 9.0, (10.0, 10.0)) == pytest.approx(1.0)
    assert errors_from(value, math.nan, math.nan, (10.0, 10.0)) is None
    assert errors_from(value, 12.0, 9.0, (math.nan, 10.0)) is None
    assert errors_from(missing("no_disc"), 12.0, 9.0, (11.0, 9.0)) is None


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two eyes of drawn vessels with soft masks; the manifest's path."""
    rows = ["image,um_per_px,vessel_mask,artery_mask,vein_mask,disc_mask"]
    for index, factor in enumerate((0.3, 0.33)):
        shape = spokes().scaled(factor)
        for name in ("vessel", "artery", "vein", "disc"):
            share = np.rint(255 * shape.coverage(name)).astype(np.uint8)
            Image.fromarray(share).save(tmp_path / f"{name}{index}.png")
        ground = np.array([190.0, 105.0, 50.0]) * (1 - 0.4 * shape.coverage("vessel")[..., None])
        Image.fromarray(ground.astype(np.uint8)).save(tmp_path / f"eye{index}.png")
        masks = ",".join(f"{name}{index}.png" for name in ("vessel", "artery", "vein", "disc"))
        rows.append(f"eye{index}.png,{shape.um_per_px},{masks}")
    (tmp_path / "study.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "study.csv"


def test_a_cohort_run_writes_an_error_beside_every_value_when_asked_and_changes_no_value(study: Path):
    here = CohortSettings(cluster=ClusterSettings(workers=0))
    plain = RunConfig(biomarkers=BiomarkerSettings(include=("*_calibre_*", "*_area_density_*", "quality_*")))
    retquant.run_cohort(study, study.parent / "plain", config=plain, settings=here)
    asked = plain.model_copy(update={"biomarkers": plain.biomarkers.model_copy(update={"uncertainty": True})})
    retquant.run_cohort(study, study.parent / "asked", config=asked, settings=here)
    before, after = (
        read_table(study.parent / name, "biomarkers")
        .to_pandas()
        .drop(columns="result_key")
        .sort_values("image_id", ignore_index=True)
        for name in ("plain", "asked")
    )
    errors = after.filter(regex="__se$")
    pd.testing.assert_frame_equal(before, after.drop(columns=errors.columns), check_exact=True)
    assert not before.filter(regex="__se$").columns.any()
    named = [name for name in before.columns if name != "image_id" and BIOMARKERS[name].targets]
    assert [name.removesuffix("__se") for name in errors.columns] == named
    values = before[named]
    known = values.notna().to_numpy()
    assert known.any()
    assert (errors.to_numpy()[known] > 0).mean() > 0.9
    assert np.isnan(errors.to_numpy()[~known]).all()
    described = read_table(study.parent / "asked", "dictionary").to_pandas().set_index("name")
    assert described.loc["vessel_calibre_median_fov__se", "unit"] == "um"


def test_the_command_has_a_flag_for_it(study: Path):
    settings = study.parent / "settings.toml"
    settings.write_text('[biomarkers]\ninclude = ["vessel_area_density_fov"]\n', encoding="utf-8")
    arguments = ["cohort", "run", str(study), "--config", str(settings), "--workers", "0", "--quiet"]
    done = CliRunner().invoke(app, [*arguments, "--uncertainty"])
    assert done.exit_code == 0, done.output
    table = retquant.load_biomarkers(study.with_suffix(""))
    assert (table["vessel_area_density_fov__se"] > 0).all()
