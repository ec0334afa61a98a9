"""Narrowings of known depth, and segments of known length and calibre."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Scale
from retquant.biomarkers import MeasureInputs, measure
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.phantoms import Shape, Tube, binary_tree, simple_eye
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graph

NARROWING = "artery_focal_narrowing_p90_fov"
RATIO = "artery_length_diameter_ratio_median_fov"
WIDTH = 12.0
SIZE = (512, 512)


def narrowed(depth: float, *, sigma: float = 1.0, taper: float = 0.0) -> Shape:
    """A straight artery with a Gaussian notch in its middle, `sigma` in calibres, that may taper to one end."""
    along = np.linspace(-200.0, 200.0, 801)
    notch = 1 - depth * np.exp(-(along**2) / 2 / (sigma * WIDTH) ** 2)
    width = WIDTH * notch * (1 - taper * (along + 200.0) / 400.0)
    points = np.stack([np.full_like(along, 255.5), 255.5 + along], axis=1)
    return Shape(name="narrowed", size=SIZE, tubes={"artery": (Tube(points=points, diameter=width),)})


def smoothed_depth(depth: float, sigma: float) -> float:
    """What is left of the notch where calibre is averaged over one calibre of length."""
    from math import erf, pi, sqrt

    return depth * sqrt(2 * pi) * sigma * erf(1 / (2 * sqrt(2) * sigma))


def inputs_from_mask(shape: Shape, *, is_hard: bool = False) -> MeasureInputs:
    share = shape.coverage("artery") * shape.coverage("fov")
    target = TargetMask(
        probability=np.rint((share >= 0.5 if is_hard else share) * 255.0).astype(np.uint8),
        source="manifest",
        is_hard=is_hard,
    )
    fov = shape.coverage("fov") >= 0.5
    return MeasureInputs(
        modality="cfp",
        fov=fov,
        field=Field(center=(shape.size[0] / 2, shape.size[1] / 2), diameter_px=float(min(shape.size))),
        segmentation=Segmentation(targets={"artery": target}),
        anatomy=Anatomy(
            disc=None, fovea=None, scale=Scale(um_per_px=shape.um_per_px, source="um_per_px"), eye=None
        ),
        graphs={"artery": build_graph(target, structure="artery", fov=fov, settings=VesselSettings())},
    )


def found_in(shape: Shape, column: str = NARROWING, *, is_hard: bool = False) -> float:
    return measure(inputs_from_mask(shape, is_hard=is_hard), [column])[column].value


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
@pytest.mark.parametrize(("depth", "sigma"), [(0.1, 1.0), (0.3, 1.0), (0.3, 2.0), (0.5, 1.0)])
def test_a_notch_has_its_depth_at_each_angle(depth, sigma, angle):
    # 0.1 px of calibre on either side of 12 px
    expected = pytest.approx(smoothed_depth(depth, sigma), abs=0.017)
    assert found_in(narrowed(depth, sigma=sigma).rotated(angle)) == expected


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
def test_a_straight_vessel_is_nowhere_narrowed(angle):
    assert found_in(narrowed(0.0).rotated(angle)) == pytest.approx(0.0, abs=0.002)
    # of a one-bit mask only the steps of its edge are seen, 0.07 px after smoothing
    assert found_in(narrowed(0.0).rotated(angle), is_hard=True) == pytest.approx(0.0, abs=0.01)


def test_a_vessel_that_tapers_off_is_not_narrowed_but_a_notch_in_it_is():
    assert found_in(narrowed(0.0, taper=0.5).rotated(20.0)) < 0.01
    assert found_in(narrowed(0.3, taper=0.2).rotated(20.0)) == pytest.approx(0.288, abs=0.03)


def test_a_healthy_random_eye_is_not_narrowed():
    # its vessels taper and branch, and have no narrow place
    assert found_in(simple_eye(3, size=(768, 768)).shape) < 0.03


def test_vessels_of_two_pixels_say_nothing():
    points = np.array([[255.5, 60.0], [255.5, 450.0]])
    shape = Shape(name="thin", size=SIZE, tubes={"artery": (Tube(points=points, diameter=2.0),)})
    found = measure(inputs_from_mask(shape), [NARROWING])[NARROWING]
    assert found.reason == "too_few_vessels"


def test_no_vessels_are_a_reason(inputs_of):
    stub = Tube(points=np.array([[250.0, 250.0], [250.0, 254.0]]), diameter=4.0)
    found = measure(inputs_of(Shape(name="s", size=SIZE, tubes={"artery": (stub,)})), [NARROWING, RATIO])
    assert {value.reason for value in found.values()} == {"too_few_vessels"}


def test_between_branchings_length_is_counted_in_calibres(inputs_of):
    stem = Tube(points=np.array([[250.0, 20.0], [250.0, 100.0]]), diameter=10.0)
    middle = Tube(points=np.array([[250.0, 100.0], [250.0, 260.0]]), diameter=8.0)
    ends = [
        Tube(points=np.array([[250.0, column], [250.0 + down, column + 60.0]]), diameter=6.0)
        for column, down in ((100.0, 90.0), (260.0, 90.0), (260.0, -90.0))
    ]
    shape = Shape(name="s", size=SIZE, tubes={"artery": (stem, middle, *ends)})
    found = measure(inputs_of(shape), [RATIO])[RATIO]
    # only the middle piece lies between two branchings
    assert (found.value, found.n) == (pytest.approx(160.0 / 8.0), 1)


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
def test_a_tree_from_its_mask_has_its_length_to_diameter_ratio(angle):
    tree = binary_tree()
    lengths = [(tube.arc_length, float(np.mean(tube.diameter))) for tube in tree.tubes["artery"]]
    between = sorted(lengths, reverse=True)[1:7]  # the stem and the eight ends have a free end
    expected = np.median([length / width for length, width in between])
    assert found_in(tree.rotated(angle), RATIO) == pytest.approx(expected, rel=0.01)
