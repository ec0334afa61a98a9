"""Formulas of tortuosity on graphs of known curvature; thinning and tracing play no part."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.biomarkers import measure
from retquant.phantoms import Shape, Tube, koch_curve, quarter_circle, sine_vessel, straight_vessel

ROTATIONS = [0.0, 30.0, 60.0, 90.0]
MM_PER_PX = 0.005


def tortuosity(inputs, biomarker: str, statistic: str = "median") -> float:
    name = f"artery_{biomarker}_{statistic}_fov"
    return measure(inputs, [name])[name].value


@pytest.mark.parametrize("angle", ROTATIONS)
def test_a_straight_vessel_has_tortuosity_one_and_no_curvature(inputs_of, angle):
    inputs = inputs_of(straight_vessel().rotated(angle))
    assert tortuosity(inputs, "tortuosity_hart1") == pytest.approx(1.0, abs=1e-9)
    assert tortuosity(inputs, "tortuosity_icm") == pytest.approx(1.0, abs=1e-9)
    for order in range(2, 8):
        assert tortuosity(inputs, f"tortuosity_hart{order}") == pytest.approx(0.0, abs=1e-6)
    for word in ("tortuosity_grisan", "tortuosity_soam", "tortuosity_scc", "inflections"):
        assert tortuosity(inputs, word) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("angle", ROTATIONS)
@pytest.mark.parametrize("shape", [quarter_circle(), sine_vessel()], ids=["quarter circle", "sine"])
def test_a_curve_has_its_closed_form_tortuosity(inputs_of, shape, angle):
    inputs = inputs_of(shape.rotated(angle))
    truth = shape.truth
    assert tortuosity(inputs, "tortuosity_hart1") == pytest.approx(truth["tortuosity_hart1"], rel=1e-4)
    assert tortuosity(inputs, "tortuosity_hart2") == pytest.approx(truth["hart2"], rel=2e-3)
    for word, power in (("hart3", 1), ("hart4", 1), ("hart5", 2), ("hart6", 1), ("hart7", 2)):
        expected = truth[word] / MM_PER_PX**power
        assert tortuosity(inputs, f"tortuosity_{word}") == pytest.approx(expected, rel=2e-3), word
    assert tortuosity(inputs, "tortuosity_soam") == pytest.approx(truth["soam"] / MM_PER_PX, rel=5e-3)
    assert tortuosity(inputs, "inflections") == truth["inflections"]
    assert tortuosity(inputs, "tortuosity_grisan") == pytest.approx(truth["grisan"] / MM_PER_PX, rel=2e-3)
    expected = (truth["inflections"] + 1) * truth["tortuosity_hart1"]
    assert tortuosity(inputs, "tortuosity_icm") == pytest.approx(expected, rel=1e-3)


def test_the_quarter_circle_has_the_figures_of_the_contract(inputs_of):
    inputs = inputs_of(quarter_circle(radius=450.56))
    assert tortuosity(inputs, "tortuosity_hart1") == pytest.approx(1.1107207, rel=1e-5)
    assert tortuosity(inputs, "tortuosity_hart2") == pytest.approx(math.pi / 2, rel=1e-3)
    assert tortuosity(inputs, "tortuosity_hart3") == pytest.approx(
        math.pi / (2 * 450.56) / MM_PER_PX, rel=1e-3
    )
    assert tortuosity(inputs, "tortuosity_hart4") == pytest.approx(1 / 450.56 / MM_PER_PX, rel=1e-3)


@pytest.mark.parametrize("angle", ROTATIONS)
def test_the_fourth_root_of_the_fourth_power_of_an_arcs_curvature_is_its_closed_form(inputs_of, angle):
    radius_mm = 450.56 * MM_PER_PX
    expected = (math.pi / 2 * radius_mm / radius_mm**4) ** 0.25
    inputs = inputs_of(quarter_circle(radius=450.56).rotated(angle))
    assert tortuosity(inputs, "tortuosity_trucco") == pytest.approx(expected, rel=1e-3)
    assert tortuosity(inputs_of(straight_vessel().rotated(angle)), "tortuosity_trucco") < 0.02


@pytest.mark.parametrize("angle", ROTATIONS)
def test_a_koch_curve_of_two_generations_has_tortuosity_sixteen_ninths(inputs_of, angle):
    inputs = inputs_of(koch_curve(generations=2).rotated(angle))
    # steps of 1 px cut a little off the corners
    assert tortuosity(inputs, "tortuosity_hart1") == pytest.approx(16 / 9, rel=2e-3)


def test_the_slope_chain_code_of_an_arc_turns_once_less_than_it_has_steps(inputs_of):
    shape = quarter_circle(radius=450.56, width=16.0)
    steps = round(shape.truth["arc_length_px"] / 16.0)
    expected = 0.5 * (steps - 1) / steps
    assert tortuosity(inputs_of(shape), "tortuosity_scc") == pytest.approx(expected, rel=1e-3)


def test_jitter_on_a_straight_vessel_gives_no_inflection(inputs_of):
    x = np.linspace(0.0, 900.0, 1801)
    ripple = 0.05 * np.sin(2 * np.pi * x / 64)
    line = np.column_stack([500 + ripple, 50 + x])
    shape = Shape(name="jitter", size=(1000, 1000), tubes={"artery": (Tube(points=line, diameter=16.0),)})
    inputs = inputs_of(shape)
    assert tortuosity(inputs, "inflections") == 0.0
    assert tortuosity(inputs, "tortuosity_grisan") == 0.0


def test_short_segments_and_closed_loops_do_not_enter(inputs_of):
    around = np.linspace(0, 2 * np.pi, 1001)
    loop = 300 + 100 * np.column_stack([np.cos(around), np.sin(around)])
    loop[-1] = loop[0]
    tubes = (
        Tube(points=np.array([[500.0, 100.0], [500.0, 500.0]]), diameter=8.0),
        Tube(points=np.array([[550.0, 100.0], [550.0, 115.0]]), diameter=8.0),  # two calibres long
        Tube(points=loop, diameter=8.0),
    )
    inputs = inputs_of(Shape(name="mixed", size=(700, 700), tubes={"artery": tubes}))
    found = measure(inputs, ["artery_tortuosity_hart1_median_fov", "artery_tortuosity_hart2_median_fov"])
    assert found["artery_tortuosity_hart1_median_fov"].n == 1
    assert found["artery_tortuosity_hart1_median_fov"].value == pytest.approx(1.0)
    assert found["artery_tortuosity_hart2_median_fov"].n == 2  # a loop has no chord, but it does curve


def test_the_length_weighted_mean_weighs_by_length(inputs_of):
    straight = Tube(points=np.array([[900.0, 50.0], [900.0, 350.0]]), diameter=8.0)
    theta = np.linspace(0, np.pi / 2, 701)
    arc = Tube(points=100 + 450 * np.column_stack([np.sin(theta), np.cos(theta)]), diameter=8.0)
    inputs = inputs_of(Shape(name="two", size=(1000, 1000), tubes={"artery": (straight, arc)}))
    lengths = np.array([300.0, 450 * np.pi / 2])
    expected = np.average([1.0, np.pi / (2 * math.sqrt(2))], weights=lengths)
    assert tortuosity(inputs, "tortuosity_hart1", "length_weighted") == pytest.approx(expected, rel=1e-4)
