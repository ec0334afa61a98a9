"""Width from the photograph: right under blur, noise, reflex and neighbours, and wherever the mask draws its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from retquant.config import VesselSettings
from retquant.phantoms import Eye, PhotographStyle, Tube, photograph, render_coverage, simple_eye
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import VesselGraph, build_graphs
from retquant.vessels.packing import segment_median
from retquant.vessels.profile import profile_calibres
from retquant.vessels.profile_shape import OWN, SHARED, fill_profile

SIZE = 420
FIELD = np.ones((SIZE, SIZE), bool)
Vessels = Sequence[tuple[float, float]]  # width and offset from the middle of the frame, pixels

FAN: Vessels = ((4.0, -130.0), (6.0, -90.0), (9.0, -45.0), (14.0, 10.0), (20.0, 80.0))


def tubes(vessels: Vessels, angle_deg: float, *, factor: float = 1.0, wider: float = 0.0) -> list[Tube]:
    angle = np.deg2rad(angle_deg)
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([-along[1], along[0]])
    middle = np.array([SIZE / 2 - 0.3, SIZE / 2 + 0.2])
    reach = np.linspace(-130, 130, 80)[:, None]
    return [
        Tube(points=middle + offset * across + reach * along, diameter=width * factor + wider)
        for width, offset in vessels
    ]


def picture(vessels: Vessels, angle_deg: float, *, blur: float, noise: float = 2.0) -> np.ndarray:
    """Green of dark bands with a bright stripe along their crest, on a slope of light."""
    band = render_coverage(tubes(vessels, angle_deg), (SIZE, SIZE))
    stripe = render_coverage(tubes(vessels, angle_deg, factor=0.3), (SIZE, SIZE))
    light = 120 * (1 - 0.45 * band + 0.15 * stripe) * np.linspace(0.8, 1.1, SIZE)[:, None]
    if blur:
        light = cv2.GaussianBlur(light, (0, 0), blur)
    grain = np.random.default_rng(5).normal(0, noise, light.shape)
    return np.clip(np.rint(light + grain), 0, 255).astype(np.uint8)


def widths(
    green: np.ndarray, vessels: Vessels, angle_deg: float, *, wider: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(V,) pixels each, by the photograph and by a mask that draws all vessels so much wider, in the vessels' order."""
    drawn = render_coverage(tubes(vessels, angle_deg, wider=wider), (SIZE, SIZE))
    target = TargetMask(probability=np.rint(255 * drawn).astype(np.uint8), source="manifest")
    graph = build_graphs({"vessel": target}, fov=FIELD, settings=VesselSettings())["vessel"]
    profile = profile_calibres({"vessel": graph}, green, fov=FIELD, occupied=target.mask)["vessel"]
    middles = np.array([tube.points.mean(axis=0) for tube in tubes(vessels, angle_deg)])
    own = cKDTree(graph.points).query(middles)[1]
    segment = np.searchsorted(graph.starts, own, side="right") - 1
    assert len(set(segment)) == len(vessels)
    return segment_median(profile, graph.starts)[segment], segment_median(graph.calibre, graph.starts)[
        segment
    ]


@pytest.mark.parametrize("angle", [0.0, 30.0, 60.0, 90.0])
@pytest.mark.parametrize("blur", [0.0, 1.0, 2.0])
def test_straight_vessels_are_as_wide_as_they_were_drawn_under_blur_noise_and_reflex(
    angle: float, blur: float
) -> None:
    true = np.array([width for width, _ in FAN])
    error = widths(picture(FAN, angle, blur=blur), FAN, angle)[0] / true - 1
    assert abs(np.median(error)) <= 0.02
    resolved = true >= 4 * max(blur, 0.5)
    assert np.abs(error[resolved]).max() <= 0.05  # noise of one vessel's six to ten stretches


def test_a_neighbour_alongside_moves_no_edge() -> None:
    beside: Vessels = ((14.0, -90.0), (8.0, -6.0), (8.0, 6.0), (16.0, 90.0))  # a gap of four pixels
    true = np.array([width for width, _ in beside])
    error = widths(picture(beside, 20.0, blur=1.0), beside, 20.0)[0] / true - 1
    assert np.abs(error).max() <= 0.03


@pytest.mark.parametrize("wider", [-1.5, 1.5])
def test_the_photograph_is_as_wide_under_a_wider_and_a_narrower_mask(wider: float) -> None:
    vessels = FAN[1:]
    green = picture(vessels, 30.0, blur=1.0)
    usual, drawn = widths(green, vessels, 30.0)
    other, drawn_other = widths(green, vessels, 30.0, wider=wider)
    assert np.median(np.abs(drawn_other / drawn - 1)) > 0.1
    assert np.median(np.abs(other / usual - 1)) <= 0.01


@pytest.fixture(scope="module")
def eye() -> Eye:
    return simple_eye(12)


@pytest.mark.parametrize("blur_px", [0.7, 1.3])
def test_a_digital_eyes_vessels_of_three_pixels_and_more_have_little_bias(eye: Eye, blur_px: float) -> None:
    style = replace(PhotographStyle.drawn(12), blur_mm=blur_px * eye.shape.um_per_px / 1000)
    names = ("vessel", "artery", "vein")
    targets = {
        name: TargetMask(probability=np.rint(255 * eye.coverage(name)).astype(np.uint8), source="manifest")
        for name in names
    }
    fov = eye.coverage("fov") >= 0.5
    graphs = build_graphs(targets, fov=fov, settings=VesselSettings())
    green = photograph(eye, 12, style=style)[..., 1]
    found = profile_calibres(graphs, green, fov=fov, occupied=targets["vessel"].mask)
    drawn = [tube for kind in ("artery", "vein") for tube in eye.shape.tubes[kind]]
    place = cKDTree(np.concatenate([tube.points for tube in drawn]))
    width = np.concatenate([2 * tube.radii for tube in drawn])
    for name in names:
        graph = graphs[name]
        true = segment_median(width[place.query(graph.points)[1]], graph.starts)
        error = segment_median(found[name], graph.starts) / true - 1
        assert abs(np.nanmedian(error[true >= 3])) <= 0.03  # of one eye; the bound of many is 2 %


def test_where_the_picture_shows_no_vessel_there_is_no_width() -> None:
    blank = np.full((SIZE, SIZE), 90, np.uint8)
    assert np.isnan(widths(blank, FAN, 0.0)[0]).all()


def test_a_graph_without_vessels_has_no_widths() -> None:
    target = TargetMask(probability=np.zeros((SIZE, SIZE), np.uint8), source="manifest")
    graph: VesselGraph = build_graphs({"vein": target}, fov=FIELD, settings=VesselSettings())["vein"]
    green = np.full((SIZE, SIZE), 90, np.uint8)
    found = profile_calibres({"vein": graph}, green, fov=FIELD, occupied=target.mask)
    assert [len(values) for values in found.values()] == [0]


def test_the_profiles_derivatives_are_those_of_its_values() -> None:
    x = np.linspace(-10, 10, 41)
    own = np.array([100.0, 3.0, 30.0, np.log(6.0), 0.3, 20.0, 2.0, 15.0, -1.0])
    shared, edges = np.array([np.log(1.4), 0.5, 0.3]), np.array([-6.0, 7.0])

    def filled(own: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, by_own, by_shared = np.empty(41), np.zeros((OWN, 41)), np.empty((SHARED, 41))
        fill_profile(x, shared, own, edges, value, by_own, by_shared)
        return value, np.vstack([by_own, by_shared])

    stated = filled(own, shared)[1]
    step = 1e-3  # the normal distribution's series is good to 1e-7, so that smaller steps see its ripple
    for i in range(OWN + SHARED):
        ahead, behind = (
            filled(
                own + sign * step * (np.arange(OWN) == i),
                shared + sign * step * (np.arange(SHARED) == i - OWN),
            )[0]
            for sign in (1, -1)
        )
        assert (ahead - behind) / (2 * step) == pytest.approx(stated[i], abs=2e-2)
