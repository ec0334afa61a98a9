"""Each measure of an angiogram's quality answers to its own fault, on digital scans and on real ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from retquant.images import fit_field
from retquant.images.retinal_image import RetinalImage
from retquant.phantoms import AngiogramStyle, OctaRetina, Saccade, angiogram, octa_retina
from retquant.quality import Quality, assess
from retquant.quality.angiogram import NAMES, measure_angiogram


@pytest.fixture(scope="module")
def field() -> OctaRetina:
    return octa_retina(6, field_mm=2.0, size=203)


@pytest.fixture(scope="module")
def plain() -> AngiogramStyle:
    return AngiogramStyle.drawn(4, field_mm=2.0)


def measured(picture: np.ndarray) -> dict[str, float]:
    return measure_angiogram(picture, np.ones(picture.shape, dtype=bool))


def graded(slab: np.ndarray, *, doubt: str | None = None) -> Quality:
    fov = np.ones(slab.shape, dtype=bool)
    image = RetinalImage(
        pixels=np.repeat(slab[..., None], 3, axis=2),
        fov=fov,
        field=fit_field(fov),
        modality="octa",
        eye=None,
        is_grey=True,
        slabs=slab[None],
        doubt=doubt,
    )
    return assess(image)


def rises(readings: list[float], by: float = 0.0) -> bool:
    return all(after > before + by for before, after in pairwise(readings))


def test_stripes_of_bulk_motion_are_counted_line_by_line(field: OctaRetina, plain: AngiogramStyle) -> None:
    places = (0.3, 0.6, 0.9, 1.3, 1.6)
    readings = []
    for count in (0, 2, 5):
        picture = angiogram(field, 1, style=replace(plain, stripes=places[:count]))
        readings.append(measured(picture)["motion_lines"])
    assert readings[0] < 0.03
    assert rises(readings, by=3 / 203)  # two lines at least of the five of each stripe
    assert readings[-1] < 0.2


def test_jumps_of_the_eye_are_seen(field: OctaRetina, plain: AngiogramStyle) -> None:
    def jumping(count: int) -> AngiogramStyle:
        jumps = [
            Saccade(first_mm=first, last_mm=first + 0.18, shift_mm=0.05)
            for first in (0.2, 0.55, 0.9, 1.25, 1.6)[:count]
        ]
        return replace(plain, saccades=tuple(jumps))

    still, moved = (
        np.mean([measured(angiogram(field, seed, style=jumping(n)))["motion_lines"] for seed in (1, 2, 3)])
        for n in (0, 5)
    )
    assert moved > still + 5 / 203  # half of the ten edges of five shifted bands, in the mean of three scans


def test_motion_is_found_whichever_way_the_scan_ran(field: OctaRetina, plain: AngiogramStyle) -> None:
    picture = angiogram(field, 1, style=replace(plain, stripes=(0.5, 1.0, 1.5)))
    upright, turned = measured(picture), measured(np.ascontiguousarray(picture.T))
    for name in NAMES:
        assert turned[name] == pytest.approx(upright[name], rel=1e-3), name


def test_a_shadow_counts_by_its_area_and_the_avascular_zone_does_not(
    field: OctaRetina, plain: AngiogramStyle
) -> None:
    readings = []
    for radius in (0.0, 0.35, 0.55):
        shadow = (0.4, 1.6, radius, 0.85) if radius else None
        readings.append(measured(angiogram(field, 1, style=replace(plain, shadow=shadow)))["shadow_fraction"])
    assert readings[0] < 0.02
    assert rises(readings, by=0.03)
    assert (
        readings[-1] < np.pi * 0.55**2 / 4.0
    )  # its edge fades: only the middle of it takes half of the light


def test_defocus_rises_with_the_beams_blur_whatever_the_speckle(
    field: OctaRetina, plain: AngiogramStyle
) -> None:
    found = [measured(angiogram(field, 1, style=replace(plain, defocus_um=um))) for um in (0.0, 10.0, 20.0)]
    assert rises([each["defocus"] for each in found], by=0.1)


def test_signal_falls_with_noise_where_nothing_flows(field: OctaRetina, plain: AngiogramStyle) -> None:
    found = [measured(angiogram(field, 1, style=replace(plain, floor=floor))) for floor in (0.045, 0.3, 1.0)]
    assert rises([-each["signal_strength"] for each in found], by=0.01)


def test_more_pixels_of_the_same_scan_read_alike(field: OctaRetina, plain: AngiogramStyle) -> None:
    picture = angiogram(field, 1, style=replace(plain, shadow=(0.6, 1.4, 0.5, 0.85)))
    first = measured(picture)
    for factor in (2, 3):
        more = measured(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))
        for name in ("signal_strength", "shadow_fraction", "defocus"):
            assert more[name] == pytest.approx(first[name], rel=0.1, abs=0.05), name


def test_an_empty_or_even_scan_has_figures_and_is_rejected() -> None:
    for level in (0, 128):
        quality = graded(np.full((200, 200), level, np.uint8))
        assert np.isfinite(list(quality.measures.values())).all()
        assert quality.grade == "reject"
    nothing = measure_angiogram(np.full((200, 200), 9, np.uint8), np.zeros((200, 200), dtype=bool))
    assert set(nothing) == set(NAMES)
    assert np.isfinite(list(nothing.values())).all()


def test_quality_repeats_what_reading_found_and_rejects_what_is_doubtful(
    field: OctaRetina, plain: AngiogramStyle
) -> None:
    picture = angiogram(field, 1, style=plain)
    assert graded(picture).grade == "good"
    assert set(NAMES) < set(graded(picture).measures)
    doubtful = graded(picture, doubt="it looks like no angiogram")
    assert (doubtful.grade, doubtful.measures["score"]) == ("reject", 0.0)
    assert doubtful.notes[0] == "it looks like no angiogram"


@pytest.mark.parametrize("pattern", ["OCTA500_3M/val/image/*.png", "OCTA500_6M/val/image/*.png"])
def test_real_scans_are_fit_and_each_fault_moves_its_own_measure(shared_data: Path, pattern: str) -> None:
    paths = sorted((shared_data / "octa").glob(pattern))[:2]
    if not paths:
        pytest.skip(f"no {pattern} in {shared_data}")
    rng = np.random.default_rng(0)
    for path in paths:
        picture = np.asarray(Image.open(path).convert("L"))
        assert graded(picture).grade in ("good", "usable"), path.name
        plain = measured(picture)
        blurred = measured(cv2.GaussianBlur(picture, (0, 0), picture.shape[0] / 150))
        noisy = picture * 0.5 + rng.gamma(2.0, 0.5, picture.shape) * 60
        noise = measured(np.clip(noisy, 0, 255).astype(np.uint8))
        striped = picture.copy()
        rows = np.linspace(20, picture.shape[0] - 20, 8).astype(int)
        for row in rows:
            striped[row - 1 : row + 2] = np.clip(striped[row - 1 : row + 2] * 0.6 + 100, 0, 255)
        shaded = picture.copy()
        shaded[:, : picture.shape[1] // 4] //= 4
        assert blurred["defocus"] > plain["defocus"] + 0.2, path.name
        assert noise["signal_strength"] < 0.75 * plain["signal_strength"], path.name
        assert measured(striped)["motion_lines"] > plain["motion_lines"] + len(rows) / picture.shape[0], (
            path.name
        )
        assert measured(shaded)["shadow_fraction"] > plain["shadow_fraction"] + 0.15, path.name
