"""Digital eyes: the record is that of what is drawn, and the knobs do what they say."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import ndimage

from retquant.errors import ConfigError
from retquant.phantoms import Eye, EyeTraits, PhotographStyle, photograph, simple_eye

SIZE = (400, 400)


@pytest.fixture(scope="module")
def eye() -> Eye:
    return simple_eye(5, "OD", size=SIZE)


@pytest.fixture(scope="module")
def sharp() -> Eye:
    return simple_eye(5, "OD", size=(1024, 1024))


def test_an_eye_is_the_same_for_the_same_seed_and_another_for_another(eye: Eye) -> None:
    again = simple_eye(5, "OD", size=SIZE)
    assert json.dumps(again.record) == json.dumps(eye.record)
    assert np.array_equal(again.coverage("vein"), eye.coverage("vein"))
    assert simple_eye(6, "OD", size=SIZE).record["truth"] != eye.record["truth"]


def test_the_record_survives_json(eye: Eye) -> None:
    assert json.loads(json.dumps(eye.record)) == eye.record


def test_radii_obey_murrays_law_at_each_bifurcation(eye: Eye) -> None:
    segments = eye.record["segments"]
    forks = 0
    for segment in segments:
        daughters = [segments[d] for d in segment["daughters"]]
        if len(daughters) == 2 and not segment["is_cut"]:
            cubes = sum(d["calibre_first_px"] ** 3 for d in daughters)
            assert segment["calibre_last_px"] ** 3 == pytest.approx(cubes, rel=1e-9)
            forks += 1
    assert forks > 30


def test_daughters_begin_where_their_parent_ends(eye: Eye) -> None:
    segments = eye.record["segments"]
    for segment in segments:
        for daughter in segment["daughters"]:
            assert segments[daughter]["parent"] == segment["id"]
            assert segments[daughter]["polyline_px"][0] == segment["polyline_px"][-1]


def test_recorded_lengths_are_those_of_the_polylines(eye: Eye) -> None:
    for segment in eye.record["segments"]:
        points = np.array(segment["polyline_px"])
        assert segment["length_px"] == pytest.approx(np.hypot(*np.diff(points, axis=0).T).sum(), rel=1e-3)
        assert segment["tortuosity_hart1"] >= 1.0


@pytest.mark.parametrize("structure", ["artery", "vein"])
def test_ends_and_branch_points_obey_eulers_count(eye: Eye, structure: str) -> None:
    truth = eye.shape.truth
    trees = {s["tree"] for s in eye.record["segments"] if s["structure"] == structure}
    ends = truth[f"{structure}_end_points"] + truth[f"{structure}_border_ends"]
    assert len(trees) == 4
    assert ends == truth[f"{structure}_branch_points"] + 2 * len(trees)


@pytest.mark.parametrize("structure", ["artery", "vein"])
def test_trees_of_one_class_neither_touch_nor_close_loops(sharp: Eye, structure: str) -> None:
    tubes = sharp.coverage(structure) > 0.5
    # One-pixel gaps at acute forks may close; a loop between branches would enclose far more.
    holes, count = ndimage.label(~tubes)
    sizes = ndimage.sum_labels(np.ones_like(holes), holes, np.arange(1, count + 1))
    field_parts = np.sort(sizes)[::-1]
    assert (field_parts[1:] < 12).all()


def test_everything_drawn_lies_in_the_field_and_off_the_fovea(eye: Eye) -> None:
    vessel = eye.coverage("vessel")
    field = eye.shape.coverage("fov")
    assert vessel[field == 0].max() == 0
    rows, cols = np.nonzero(vessel > 0.5)
    assert eye.shape.fovea is not None
    away = np.hypot(rows - eye.shape.fovea[0], cols - eye.shape.fovea[1]) * eye.shape.um_per_px
    assert away.min() > 400


def test_density_and_length_agree_with_what_is_drawn(eye: Eye) -> None:
    field = eye.shape.coverage("fov").sum(dtype=float)
    for structure in ("artery", "vein"):
        drawn = eye.coverage(structure).sum(dtype=float)
        assert drawn / field == pytest.approx(eye.shape.truth[f"{structure}_area_density"], rel=1e-5)
        mean_width = drawn / eye.shape.truth[f"{structure}_total_length_px"]
        weighted = eye.shape.truth[f"{structure}_calibre_length_weighted_px"]
        assert mean_width == pytest.approx(weighted, rel=0.05)  # overlaps at forks count once in the area


def test_a_right_and_a_left_eye_have_the_disc_on_their_nasal_side() -> None:
    for side, sign in (("OD", 1), ("OS", -1)):
        eye = simple_eye(3, side, size=(200, 200))
        assert eye.shape.disc is not None
        assert eye.shape.fovea is not None
        assert sign * (eye.shape.disc.center[1] - eye.shape.fovea[1]) > 30
        assert eye.shape.fovea[0] > eye.shape.disc.center[0] - 5  # the fovea lies lower, as a rule


def test_the_same_eye_at_twice_the_pixels_is_the_same_eye() -> None:
    small, large = (simple_eye(9, size=(n, n)).shape for n in (300, 600))
    assert large.um_per_px == pytest.approx(small.um_per_px / 2)
    for name in ("artery_branch_points", "vein_end_points", "crossings", "artery_tortuosity_hart1_median"):
        assert large.truth[name] == pytest.approx(small.truth[name], rel=1e-4)
    resized = small.scaled(2.0).truth
    for name in ("artery_total_length_px", "vein_calibre_median_px", "vein_length_density_per_px"):
        assert resized[name] == pytest.approx(large.truth[name], rel=1e-2)


def test_narrow_arteries_are_narrower_by_the_factor_and_nothing_else_changes() -> None:
    plain = simple_eye(4, size=SIZE).shape.truth
    narrow = simple_eye(4, size=SIZE, traits=EyeTraits(artery_calibre=0.8)).shape.truth
    assert narrow["artery_calibre_median_px"] == pytest.approx(
        0.8 * plain["artery_calibre_median_px"], rel=0.02
    )
    assert narrow["vein_calibre_median_px"] == plain["vein_calibre_median_px"]
    assert narrow["artery_total_length_px"] == plain["artery_total_length_px"]


def test_the_tortuosity_knob_winds_the_veins_and_zero_leaves_them_smooth() -> None:
    winding = [
        simple_eye(4, size=(200, 200), traits=EyeTraits(vein_tortuosity=t)).shape.truth[
            "vein_tortuosity_hart1_median"
        ]
        for t in (0.0, 1.0, 2.5)
    ]
    assert winding[0] < winding[1] < winding[2]
    assert winding[0] < 1.01
    assert winding[2] > 1.04


def test_dropout_loses_the_length_it_was_asked_to() -> None:
    plain, poor = (
        simple_eye(4, size=(200, 200), traits=EyeTraits(dropout=d)).shape.truth for d in (0.0, 0.4)
    )
    for structure in ("artery", "vein"):
        kept = poor[f"{structure}_total_length_px"] / plain[f"{structure}_total_length_px"]
        assert 0.5 < kept < 0.68


def test_traits_out_of_range_are_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match="artery_calibre is 9") as caught:
        EyeTraits(artery_calibre=9)
    assert caught.value.remedy
    with pytest.raises(ConfigError, match="neither OD nor OS"):
        simple_eye(0, "left")


def test_a_photograph_is_the_same_for_the_same_seed(eye: Eye) -> None:
    assert np.array_equal(photograph(eye, 1), photograph(eye, 1))
    assert not np.array_equal(photograph(eye, 1), photograph(eye, 2))


def test_a_photograph_shows_what_was_drawn(eye: Eye) -> None:
    picture = photograph(eye, 1, style=PhotographStyle(background=(180, 92, 42))).astype(float)
    assert picture.shape == (*SIZE, 3)
    field = eye.shape.coverage("fov") > 0.99
    disc = eye.shape.coverage("disc") > 0.99
    plain = ndimage.distance_transform_edt(eye.coverage("vessel") == 0) > 4
    retina = picture[field & ~disc & plain]
    assert picture[eye.shape.coverage("fov") == 0].max() < 12
    assert retina[:, 0].mean() > retina[:, 1].mean() > retina[:, 2].mean()
    assert picture[disc][:, 1].mean() > 1.3 * retina[:, 1].mean()
    wide = {}
    for structure in ("artery", "vein"):
        core = ndimage.distance_transform_edt(eye.coverage(structure) > 0.5) >= 1.5
        wide[structure] = picture[core & field & ~disc][:, 1].mean() / retina[:, 1].mean()
    assert wide["vein"] < wide["artery"] < 0.9


def test_the_recorded_crossings_are_where_the_classes_overlap(sharp: Eye) -> None:
    both = (sharp.coverage("artery") > 0.5) & (sharp.coverage("vein") > 0.5)
    _, blobs = ndimage.label(both, structure=np.ones((3, 3)))
    crossings = sharp.shape.truth["crossings"]
    assert crossings > 3
    # Vessels that graze each other overlap without their centre lines crossing, so blobs may be more.
    assert crossings <= blobs + 2
    assert blobs <= 2 * crossings + 10


def test_the_disc_has_the_area_in_its_record(eye: Eye) -> None:
    drawn = float(eye.coverage("disc").sum(dtype=float))
    assert drawn == pytest.approx(eye.shape.truth["disc_area_px2"], rel=1e-3)
    assert eye.shape.truth["disc_radius_px"] == pytest.approx(math.sqrt(drawn / math.pi), rel=1e-3)
