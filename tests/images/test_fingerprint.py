"""Fingerprints of pictures: near for copies of one however it was stored, far for other eyes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from retquant.images.fingerprint import (
    FREQUENCIES,
    MIRRORED,
    fingerprint,
    fingerprint_numbers,
    picture_digest,
)


def eye(seed: int, side: int = 320) -> tuple[np.ndarray, np.ndarray]:
    """(side, side, 3) a round field with winding dark vessels, and where it is."""
    draw = np.random.default_rng(seed)
    picture = np.full((side, side), 110.0)
    for _ in range(14):
        steps = np.cumsum(draw.normal(0, 0.25, 60)) + draw.uniform(0, 6.3)
        path = side / 2 + np.cumsum(np.stack([np.cos(steps), np.sin(steps)], 1) * side / 70, axis=0)
        cv2.polylines(
            picture, [path.astype(np.int32).reshape(-1, 1, 2)], False, 60.0, int(draw.integers(3, 9))
        )
    rows, columns = np.mgrid[:side, :side]
    fov = np.hypot(rows - side / 2, columns - side / 2) < 0.48 * side
    picture = np.where(fov, cv2.GaussianBlur(picture, (0, 0), 1.0), 0)
    return np.repeat(picture[..., None], 3, axis=2).round().astype(np.uint8), fov


def likeness(one: str | None, other: str | None) -> float:
    assert one is not None
    assert other is not None
    first, second = fingerprint_numbers([one, other]).astype(float)
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.mark.parametrize("change", ["compressed", "smaller", "darker", "padded", "noisy"])
def test_a_copy_in_another_form_has_nearly_the_same_fingerprint(change):
    pixels, fov = eye(1)
    copy, field = pixels, fov
    if change == "compressed":
        copy = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    elif change == "smaller":
        copy = cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        field = cv2.resize(fov.astype(np.uint8), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_NEAREST) > 0
    elif change == "darker":
        copy = (255 * (pixels / 255) ** 1.6).round().astype(np.uint8)
    elif change == "padded":
        copy, field = np.pad(pixels, [(9, 40), (70, 3), (0, 0)]), np.pad(fov, [(9, 40), (70, 3)])
    else:
        noise = np.random.default_rng(0).normal(0, 8, pixels.shape)
        copy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    assert picture_digest(copy) != picture_digest(pixels)
    # 0.97 and more here; other eyes are at 0.2
    assert likeness(fingerprint(pixels, fov), fingerprint(copy, field)) > 0.9


def test_other_eyes_are_far_from_each_other():
    prints = [fingerprint(*eye(seed)) for seed in range(12)]
    assert max(likeness(a, b) for i, a in enumerate(prints) for b in prints[:i]) < 0.5


def test_signs_mirror_a_fingerprint():
    pixels, fov = eye(3)
    flipped = fingerprint(np.ascontiguousarray(pixels[:, ::-1]), fov[:, ::-1])
    plain = fingerprint_numbers([fingerprint(pixels, fov)])
    assert likeness(flipped, fingerprint(pixels, fov)) < 0.5
    mirrored = (plain * MIRRORED).astype(float).ravel()
    other = fingerprint_numbers([flipped]).astype(float).ravel()
    assert mirrored @ other / np.linalg.norm(mirrored) / np.linalg.norm(other) > 0.98
    assert len(mirrored) == len(FREQUENCIES) == 263  # the table's definition says so


def test_a_picture_without_detail_has_none():
    assert fingerprint(np.full((50, 50, 3), 90, np.uint8), np.ones((50, 50), bool)) is None
    assert fingerprint(np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), bool)) is None
    assert fingerprint(np.full((2, 2, 3), 90, np.uint8), np.ones((2, 2), bool)) is None
