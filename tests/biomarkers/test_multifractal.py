"""The spectrum of singularities on measures whose spectrum is a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retquant.biomarkers import BIOMARKERS, measure
from retquant.biomarkers.box_counting import least_cover, slope
from retquant.biomarkers.multifractal import spectrum_moments
from retquant.phantoms import Shape, Tube, filled_square

ORDERS = (0.0, 1.0, 2.0, 5.0)


def cascade(parts: tuple[float, float, float, float], generations: int) -> np.ndarray:
    """A multiplicative cascade: each square's mass is shared out among its quarters."""
    mass = np.ones((1, 1))
    for _ in range(generations):
        mass = np.kron(mass, np.array(parts).reshape(2, 2))
    return mass


def spectrum_of(mass: np.ndarray, order: float) -> tuple[float, float]:
    """Alpha and f at an order from boxes of 1, 2, 4, ... cells."""
    sizes = 2 ** np.arange(int(math.log2(len(mass))))
    moments = []
    for size in sizes:
        boxes = mass.reshape(len(mass) // size, size, -1, size).sum(axis=(1, 3)).ravel()
        moments.append(spectrum_moments(boxes[boxes > 0] / boxes.sum(), order))
    alpha, f = np.array(moments).T
    return slope(np.log(sizes), alpha)[0], slope(np.log(sizes), f)[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("parts", [(0.25, 0.25, 0.25, 0.25), (0.4, 0.3, 0.2, 0.1), (0.5, 0.5, 0.0, 0.0)])
def test_a_cascade_has_the_spectrum_of_its_closed_form(parts, order):
    held = np.array([part for part in parts if part])
    weight = held**order / (held**order).sum()
    alpha = -float(weight @ np.log2(held))  # d tau / dq of tau = -log2 of the sum of p^q
    f = -float(weight @ np.log2(weight))
    assert spectrum_of(cascade(parts, 7), order) == pytest.approx((alpha, f), abs=1e-9)


def test_a_filled_square_has_no_width():
    cover = least_cover(
        filled_square(side=512.0, size=(700, 700)).coverage("vessel") >= 0.5, 2 ** np.arange(3, 8)
    )
    for order in ORDERS:
        moments = np.array([spectrum_moments(share, order) for share in cover.shares])
        for column in moments.T:
            assert slope(np.log(cover.sizes), column)[0] == pytest.approx(2.0, abs=1e-9)


def test_high_orders_of_very_small_shares_do_not_vanish():
    share = np.full(10**6, 1e-6)
    assert spectrum_moments(share, 60.0) == pytest.approx([math.log(1e-6)] * 2)


def test_evenly_spaced_vessels_have_a_narrow_spectrum_with_a_standard_error(inputs_of):
    lines = tuple(
        Tube(points=np.array([[row, 5.0], [row, 1000.0]]), diameter=6.0) for row in range(25, 1000, 50)
    )
    found = measure(inputs_of(Shape(name="s", size=(1010, 1010), tubes={"vein": lines}), draw=True))
    width, length = found["vein_multifractal_width_fov"], found["vein_singularity_length_fov"]
    # lines 50 px apart in boxes of 12 to 126 px: 0.14 and 0.20 with standard errors of 0.08 and 0.13
    assert abs(width.value) < 0.2
    assert abs(found["vein_multifractal_height_fov"].value) < 0.3
    assert width.standard_error is not None
    assert width.standard_error > 0
    assert length == width
    assert BIOMARKERS["vein_singularity_length_fov"].derived_from == "vein_multifractal_width_fov"


def test_without_vessels_there_is_no_spectrum(inputs_of):
    stub = Tube(points=np.array([[250.0, 250.0], [250.0, 254.0]]), diameter=4.0)
    inputs = inputs_of(Shape(name="s", size=(500, 500), tubes={"vein": (stub,)}, um_per_px=5.0))
    found = measure(inputs, ["vein_multifractal_width_fov"])["vein_multifractal_width_fov"]
    assert found.reason == "too_few_vessels"
