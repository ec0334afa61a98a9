"""Angiogram-like pictures: repeatable, in register with the truth, and artefacts that say where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retquant.phantoms import AngiogramStyle, OctaRetina, Saccade, angiogram, octa_retina
from retquant.phantoms.angiogram_style import PERCENTS


@pytest.fixture(scope="module")
def field() -> OctaRetina:
    return octa_retina(4, field_mm=2.0, size=203)


@pytest.fixture(scope="module")
def plain() -> AngiogramStyle:
    return AngiogramStyle.drawn(4, field_mm=2.0)


def test_a_picture_is_the_same_each_time_and_another_for_another_seed(field: OctaRetina) -> None:
    first = angiogram(field, 1)
    assert first.dtype == np.uint8
    assert first.shape == (203, 203)
    assert np.array_equal(first, angiogram(field, 1))
    assert not np.array_equal(first, angiogram(field, 2))


def test_grey_levels_are_those_of_the_style(field: OctaRetina, plain: AngiogramStyle) -> None:
    picture = angiogram(field, 1, style=plain)
    measured = np.percentile(picture, PERCENTS)
    assert measured == pytest.approx(plain.tones, abs=1.0)  # eight bits
    assert np.mean(picture == 255) >= 0.008  # about one in a hundred is clipped, as exports are


def test_vessels_are_bright_and_the_avascular_zone_is_dark(field: OctaRetina, plain: AngiogramStyle) -> None:
    picture = angiogram(field, 1, style=plain).astype(float)
    large = picture[field.coverage("large_vessel") > 0.9].mean()
    zone = picture[field.coverage("faz") == 1].mean()
    assert large > 1.7 * picture.mean()
    assert zone < 0.4 * picture.mean()


def test_the_picture_lies_where_the_masks_do(field: OctaRetina, plain: AngiogramStyle) -> None:
    picture, mask = angiogram(field, 1, style=plain).astype(float), field.coverage("large_vessel")
    score = {
        (row, col): np.corrcoef(np.roll(picture, (row, col), axis=(0, 1)).ravel(), mask.ravel())[0, 1]
        for row in (-1, 0, 1)
        for col in (-1, 0, 1)
    }
    assert max(score, key=lambda shift: score[shift]) == (0, 0)


def test_a_picture_in_more_pixels_is_the_same_scan_interpolated(
    field: OctaRetina, plain: AngiogramStyle
) -> None:
    large = angiogram(replace(field, size=(609, 609)), 1, style=plain)
    assert large.shape == (609, 609)
    again = large[1::3, 1::3].astype(float)  # every third pixel's centre is that of a sample
    assert np.abs(again - angiogram(field, 1, style=plain)).mean() < 1.0


def test_a_saccade_shifts_the_rows_it_names_and_no_others(field: OctaRetina, plain: AngiogramStyle) -> None:
    shift = 5 * 2.0 / 203
    jump = Saccade(first_mm=0.5, last_mm=0.9, shift_mm=shift)
    still = angiogram(field, 1, style=plain).astype(float)
    moved = angiogram(field, 1, style=replace(plain, saccades=(jump,))).astype(float)
    first, last = round(0.5 * 203 / 2), round(0.9 * 203 / 2)
    assert np.abs(moved[: first - 1] - still[: first - 1]).mean() < 2
    assert np.abs(moved[first:last, 5:] - still[first:last, :-5]).mean() < 2
    assert np.abs(moved[first:last] - still[first:last]).mean() > 20


def test_stripes_shadows_and_defocus_show(field: OctaRetina, plain: AngiogramStyle) -> None:
    still = angiogram(field, 1, style=plain).astype(float)
    striped = angiogram(field, 1, style=replace(plain, stripes=(1.0,))).astype(float)
    row = round(1.0 * 203 / 2)
    assert striped[row].mean() > still[row].mean() + 15
    assert np.abs(np.diff(striped[row])).mean() < 0.3 * np.abs(np.diff(still[row])).mean()  # smeared
    dark = angiogram(field, 1, style=replace(plain, shadow=(0.4, 0.4, 0.3, 0.6))).astype(float)
    assert dark[20:60, 20:60].mean() < 0.7 * still[20:60, 20:60].mean()
    soft = angiogram(field, 1, style=replace(plain, defocus_um=15.0)).astype(float)
    large = field.coverage("large_vessel")
    assert soft[large > 0.9].mean() < still[large > 0.9].mean()


def test_drawn_styles_differ_and_have_artefacts_only_when_asked_for() -> None:
    plain = [AngiogramStyle.drawn(seed) for seed in range(30)]
    assert len({style.tones for style in plain}) > 20
    assert not any(style.stripes or style.saccades or style.shadow or style.defocus_um for style in plain)
    ill = [AngiogramStyle.drawn(seed, artefacts=True) for seed in range(30)]
    for name in ("stripes", "saccades", "shadow", "defocus_um"):
        assert 3 <= sum(bool(getattr(style, name)) for style in ill) <= 20, name
    assert all(style.tones == other.tones for style, other in zip(plain, ill, strict=True))
