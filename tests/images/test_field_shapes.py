"""The field of view of drawn photographs whose circle is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retquant.errors import ImageError
from retquant.images import find_field_of_view, fit_field


def circle(shape: tuple[int, int], row: float, col: float, radius: float) -> np.ndarray:
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows - row) ** 2 + (cols - col) ** 2 <= radius**2)


def photograph(fov: np.ndarray, *, field: int = 150, surround: int = 4, noise: float = 4.0) -> np.ndarray:
    light = np.where(fov, float(field), float(surround))[..., None] * np.array([1.0, 0.6, 0.3])
    light += np.random.default_rng(1).normal(0.0, noise, light.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@settings(max_examples=20, deadline=None)
@given(
    radius=st.floats(150.0, 260.0),
    row=st.floats(230.0, 270.0),
    col=st.floats(270.0, 330.0),
    surround=st.integers(0, 25),
)
def test_a_circle_is_found_even_where_the_frame_cuts_it(
    radius: float, row: float, col: float, surround: int
) -> None:
    truth = circle((500, 600), row, col, radius)
    found = find_field_of_view(photograph(truth, surround=surround))
    assert dice(found, truth) >= 0.98
    field = fit_field(found)
    # each side's edge lies within 2 pixels of the reduced copy, which are 600 / 512 pixels each;
    # over 150 random fields the diameter came out 1.3 to 2.6 px too large
    assert field.diameter_px == pytest.approx(2 * radius, abs=2 * 2 * 600 / 512)
    assert field.center == pytest.approx((row, col), abs=2.0)


def test_a_tab_on_the_rim_and_letters_in_the_corner_are_left_out() -> None:
    truth = circle((600, 600), 300, 300, 270)
    drawn = truth | circle((600, 600), 110, 495, 14)
    drawn[5:25, 5:60] = True
    assert dice(find_field_of_view(photograph(drawn)), truth) >= 0.995


def test_a_flat_cut_inside_the_frame_is_kept_and_the_diameter_is_the_circles() -> None:
    truth = circle((600, 600), 300, 300, 270)
    truth[:80] = truth[525:] = False
    found = find_field_of_view(photograph(truth))
    assert dice(found, truth) >= 0.99
    assert fit_field(found).diameter_px == pytest.approx(540, rel=0.01)


def test_a_shadow_on_the_rim_belongs_to_the_field() -> None:
    truth = circle((600, 600), 300, 300, 270)
    picture = photograph(truth, field=120, surround=0, noise=1.0)
    shade = np.clip((np.arange(600)[None, :, None] - 60) / 250.0, 0.16, 1.0)
    assert dice(find_field_of_view((picture * shade).astype(np.uint8)), truth) >= 0.99


def test_a_squeezed_photograph_has_an_ellipse_for_a_field() -> None:
    rows, cols = np.ogrid[:300, :300]
    truth = ((rows - 150) / 190.0) ** 2 + ((cols - 150) / 140.0) ** 2 <= 1
    assert dice(find_field_of_view(photograph(truth)), truth) >= 0.985


def test_a_crop_without_surround_is_all_field() -> None:
    found = find_field_of_view(photograph(np.ones((300, 400), dtype=bool)))
    assert found.all()
    assert fit_field(found).diameter_px == 400
    assert fit_field(found).center == (149.5, 199.5)


def test_the_same_field_is_found_at_every_size() -> None:
    for size in (256, 777, 1500, 3000):
        truth = circle((size, size), size / 2, size / 2, size * 0.45)
        assert dice(find_field_of_view(photograph(truth)), truth) >= 0.99, size


def test_a_turned_photograph_has_the_turned_field() -> None:
    truth = circle((500, 640), 240, 330, 260)
    picture = photograph(truth)
    turned = find_field_of_view(np.ascontiguousarray(np.rot90(picture)))
    assert dice(np.rot90(find_field_of_view(picture)), turned) >= 0.997


def test_the_same_photograph_gives_the_same_field() -> None:
    picture = photograph(circle((500, 600), 250, 300, 240))
    assert (find_field_of_view(picture) == find_field_of_view(picture)).all()


def test_a_lamp_in_the_dark_is_no_field() -> None:
    with pytest.raises(ImageError, match="no field of view"):
        find_field_of_view(photograph(circle((500, 600), 250, 300, 40)))


def test_an_empty_mask_has_no_circle() -> None:
    with pytest.raises(ImageError, match="empty"):
        fit_field(np.zeros((50, 50), dtype=bool))


def test_the_circle_of_an_exact_mask_is_exact_to_a_third_of_a_pixel() -> None:
    field = fit_field(circle((600, 700), 290.3, 351.8, 260.4))
    assert field.center == pytest.approx((290.3, 351.8), abs=0.33)
    assert field.diameter_px == pytest.approx(520.8, abs=0.67)
