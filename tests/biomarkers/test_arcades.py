"""The temporal arcades: parabolas of known opening, through the mask and its graph, and on digital eyes."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Scale, find_disc
from retquant.biomarkers import MeasureInputs, Measurement, measure
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.phantoms import Shape, Tube, parabolic_arcades, simple_eye
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graph

COLUMNS = ["*_arcade_*"]
TURNED = {
    False: (("OD", 0.0), ("OD", 30.0), ("OS", 60.0), ("OD", 90.0)),
    True: (("OD", 30.0), ("OS", 60.0)),
}  # whether the mask has one bit -> eyes and turns


def inputs(shape: Shape, eye: str | None = "OD", *, is_hard: bool = False) -> MeasureInputs:
    fov = shape.coverage("fov") >= 0.5
    targets = {}
    for name in ("artery", "vein", "vessel", "disc"):
        share = shape.coverage(name) * fov
        targets[name] = TargetMask(
            probability=np.rint((share >= 0.5 if is_hard else share) * 255).astype(np.uint8),
            source="manifest",
            is_hard=is_hard,
        )
    disc = find_disc(targets["disc"], fov)
    assert disc is not None
    graphs = {
        name: build_graph(
            targets[name], structure=name, fov=fov, settings=VesselSettings(), disc_center=disc.center
        )
        for name in ("artery", "vein", "vessel")
    }
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=(512.0, 512.0), diameter_px=1024.0),
        segmentation=Segmentation(targets=targets),
        anatomy=Anatomy(
            disc=disc,
            fovea=shape.fovea,
            scale=Scale(um_per_px=shape.um_per_px, source="um_per_px"),
            eye=eye,
        ),
        graphs=graphs,
    )


@cache
def found(eye: str, turn: float, is_hard: bool) -> dict[str, Measurement]:
    return measure(inputs(parabolic_arcades(eye).rotated(turn), eye, is_hard=is_hard), COLUMNS)


@pytest.mark.parametrize(("is_hard", "most", "drift"), [(False, 0.003, 0.005), (True, 0.006, 0.01)])
@pytest.mark.parametrize("name", ["artery_arcade_angle", "vein_arcade_angle", "vessel_arcade_parabola_a"])
def test_parabolas_open_as_they_were_drawn_at_each_turn_of_either_eye(name, is_hard, most, drift):
    shape = parabolic_arcades()
    true = {
        "artery_arcade_angle": shape.truth["artery_arcade_angle_deg"],
        "vein_arcade_angle": shape.truth["vein_arcade_angle_deg"],
        # of all vessels the widest, here the veins, are the arcades
        "vessel_arcade_parabola_a": shape.truth["vein_arcade_parabola_a_px"] * shape.um_per_px / 1000,
    }[name]
    values = np.array([found(eye, turn, is_hard)[name].value for eye, turn in TURNED[is_hard]])
    assert np.abs(values / true - 1).max() <= most
    assert np.ptp(values) <= drift * true


@pytest.mark.parametrize("seed", [5])
def test_a_digital_eyes_arcades_open_as_its_trees_were_grown(seed):
    eye = simple_eye(seed, "OD")
    found = measure(inputs(eye.shape), ["*_arcade_angle"])
    for name, measured in found.items():
        assert measured.value == pytest.approx(eye.record["biomarkers"][name], abs=1.0), name


def test_more_open_arcades_have_a_wider_angle_and_a_longer_focal_length():
    narrow, wide = (measure(inputs(parabolic_arcades(focal_radii=(a, a))), COLUMNS) for a in (0.6, 1.2))
    for name in narrow:
        assert wide[name].value > 1.1 * narrow[name].value


def test_a_thin_vessel_nearer_the_macula_is_not_taken_for_the_arcade():
    shape = parabolic_arcades()
    inner = parabolic_arcades(focal_radii=(0.5, 0.5), widths=(4.0, 4.0))
    more = {name: shape.tubes[name] + inner.tubes[name] for name in shape.tubes}
    one, two = (measure(inputs(s), COLUMNS) for s in (shape, dataclasses.replace(shape, tubes=more)))
    for name in one:
        assert two[name].value == pytest.approx(one[name].value, rel=5e-3), name


def test_one_arcade_alone_opens_nothing():
    shape = parabolic_arcades()
    upper = {name: tubes[:1] for name, tubes in shape.tubes.items()}
    found = measure(inputs(dataclasses.replace(shape, tubes=upper)), COLUMNS)
    assert {m.reason for m in found.values()} == {"too_few_vessels"}


def test_an_empty_mask_has_no_arcades():
    shape = dataclasses.replace(parabolic_arcades(), tubes={})
    assert {m.reason for m in measure(inputs(shape), COLUMNS).values()} == {"too_few_vessels"}


def test_parallel_vessels_follow_no_parabola():
    shape = parabolic_arcades()
    assert shape.disc is not None
    row, col = shape.disc.center
    rails = tuple(
        Tube(points=np.array([[row + side, col + 60.0], [row + side, 10.0]]), diameter=10.0)
        for side in (-130.0, 130.0)
    )
    found = measure(inputs(dataclasses.replace(shape, tubes={"vein": rails})), ["vessel_arcade_parabola_a"])
    measured = found["vessel_arcade_parabola_a"]
    assert measured.reason == "fit_failed" or measured.value < 0.3


def test_arcades_beyond_the_field_are_out_of_bounds():
    given = inputs(parabolic_arcades())
    disc = given.anatomy.disc
    assert disc is not None
    fov = np.zeros_like(given.fov)
    fov[:, int(disc.center[1]) - 80 :] = True  # nothing temporal of the disc but its surround
    found = measure(dataclasses.replace(given, fov=fov), COLUMNS)
    assert {m.reason for m in found.values()} == {"region_out_of_bounds"}


def test_disc_and_fovea_are_needed_and_the_eye_is_not():
    given = inputs(parabolic_arcades(), eye=None)
    assert {m.reason for m in measure(given, COLUMNS).values()} == {None}
    for landmark, reason in (("disc", "no_disc"), ("fovea", "no_fovea")):
        anatomy = dataclasses.replace(given.anatomy, **{landmark: None})
        found = measure(dataclasses.replace(given, anatomy=anatomy), COLUMNS)
        assert {m.reason for m in found.values()} == {reason}
