"""How many copies of photographs are found among other people's, and how many others are taken for copies.

    python benchmarks/picture_copies.py ../shared/data/fundus/ODIR_256/images --count 1400 --json copies.json

Every 20th photograph is copied in several ways. Beside it stands what a 64-bit perceptual hash would do, as in
ImageHash: signs of the lowest frequencies of the whole frame.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from retquant.errors import ImageError
from retquant.hygiene.likeness import Likeness
from retquant.images import find_field_of_view
from retquant.images.fingerprint import fingerprint, fingerprint_numbers

EVERY = 20


def _compressed(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1))


def _sized(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda pixels: np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how))


def _turned(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.0, 1.0)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height)))


def _noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


CHANGES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG at quality 60": _compressed,
    "shrunk to 0.6": _sized(0.6),
    "enlarged to 2.3": _sized(2.3),
    "gamma 1.5": lambda pixels: (255 * (pixels / 255.0) ** 1.5).astype(np.uint8),
    "black margin": lambda pixels: np.pad(pixels, [(20, 30), (50, 10), (0, 0)]),
    "turned by 1 degree": _turned,
    "noise of 8 levels": _noisy,
}


def print_of(pixels: np.ndarray) -> np.ndarray | None:
    """(D,) int8 fingerprint of a BGR picture, or None where it has none."""
    rgb = np.ascontiguousarray(pixels[..., ::-1])
    try:
        text = fingerprint(rgb, find_field_of_view(rgb))
    except ImageError:
        return None
    return None if text is None else fingerprint_numbers([text])[0]


def hash_of(pixels: np.ndarray) -> np.ndarray:
    """(64,) bool perceptual hash of the whole frame."""
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    return np.asarray(low > np.median(low))


def main() -> None:
    """Print what is found, and how the hash fares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1400)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    paths = sorted(given.folder.glob("*.jpg"))[: given.count]
    prints, hashes, copies = [], [], []
    for number, path in enumerate(paths):
        pixels = cv2.imread(str(path))
        found = print_of(pixels)
        if found is None:
            continue
        if number % EVERY == 0:
            made = {name: change(pixels) for name, change in CHANGES.items()}
            of = {name: (print_of(copy), hash_of(copy)) for name, copy in made.items()}
            copies.append((len(prints), of))
        prints.append(found)
        hashes.append(hash_of(pixels))
    recall, taken, flips = {}, set(), {}
    for name in CHANGES:
        known = [(place, of[name][0]) for place, of in copies if of[name][0] is not None]
        wanted = {(place, len(prints) + n) for n, (place, _) in enumerate(known)}
        pairs = set()
        for one, other, _, is_mirrored in Likeness(np.array([*prints, *(copy for _, copy in known)])).pairs():
            for a, b in zip(one.tolist(), other.tolist(), strict=True):
                pairs.add((min(a, b), max(a, b), is_mirrored))
        recall[name] = f"{sum((*pair, False) in pairs for pair in wanted)} of {len(copies)}"
        taken |= {pair for pair in pairs if pair[:2] not in wanted}
        flips[name] = [int((of[name][1] != hashes[place]).sum()) for place, of in copies]
    bits = np.array(hashes).astype(np.float32) * 2 - 1
    apart = ((64 - bits @ bits.T) / 2)[np.triu_indices(len(bits), 1)]
    result = {
        "photographs": len(prints),
        "pairs": len(apart),
        "copies found": recall,
        "other pairs taken for copies": len(taken),
        "hash: bits that copies differ by, 95th centile": {n: np.percentile(v, 95) for n, v in flips.items()},
        "hash: other pairs within 6 bits": int((apart <= 6).sum()),
    }
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
