"""Of real photographs those are found that show one eye under two names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retquant.hygiene.likeness import Likeness
from retquant.images import find_field_of_view
from retquant.images.fingerprint import fingerprint, fingerprint_numbers

TWICE = ("22_A", "23_A")  # the data's README: the same eye, nearly the same picture


def test_the_one_eye_that_fives_has_under_two_names_is_found_and_no_other(shared_data: Path) -> None:
    import cv2

    folder = shared_data / "fundus" / "FIVES" / "images"
    names = sorted(folder.glob("*_A.jpg"))
    if not set(TWICE) <= {path.stem for path in names}:
        pytest.skip(f"{TWICE} are not in {folder}")
    names = [path for path in names if path.stem in TWICE] + [p for p in names if p.stem not in TWICE][:4]
    prints = []
    for path in names:
        pixels = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_4)[..., ::-1]
        prints.append(fingerprint(pixels, find_field_of_view(np.ascontiguousarray(pixels))))
    found = {
        (int(one), int(other), is_mirrored)
        for ones, others, _, is_mirrored in Likeness(fingerprint_numbers(prints)).pairs()
        for one, other in zip(ones, others, strict=True)
    }
    assert found == {(0, 1, False)}
