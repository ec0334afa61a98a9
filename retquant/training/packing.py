"""Images and truth resampled to the working frame and kept on disk, one small file each, so that no run reads twice.

All data sets of a recipe fit some tens of megabytes this way: enough to take to another machine. A file's name holds
a digest of everything it was made from, so a changed image or recipe makes another file, and a run that was killed
while packing goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from retquant.errors import ConfigError
from retquant.segmentation.working_image import frame_of
from retquant.training.datasets import Example, read_pixels
from retquant.training.truth import truth_maps

VERSION = 1  # of what a file holds: to be raised when the maps are made otherwise
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 9)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Packed:
    """An image of S pixels across its field, with what is known about it; maps are (S, S) uint8, 0 to 255."""

    pixels: np.ndarray  # (S, S, 3) uint8, RGB
    field: np.ndarray  # (S, S) bool
    truth: dict[str, np.ndarray]  # target -> coverage
    known: dict[str, np.ndarray]  # target -> 255 where the coverage holds, else 0


def read_packed(example: Example, working_px: int, cache: Path | None) -> Packed:
    """An example in the working frame, from `cache` where it is there, else made and put there.

    Pixels go through a JPEG of quality 97 either way, so that a run does not depend on its cache.
    """
    name = cache_name(example, example_digest(example, working_px))
    return unpack(kept(cache, name, lambda: pack(_make(example, working_px))))


def kept(cache: Path | None, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays from the file `name` in `cache`, made and put there first where it is missing; just made without one."""
    if cache is None:
        return make()
    path = cache / name
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        with aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **make())
        os.replace(aside, path)
    with np.load(path, allow_pickle=False) as parts:
        return {key: parts[key] for key in parts.files}


def cache_name(example: Example, digest: str) -> str:
    """The file's name of what was made from an example."""
    name = example.dataset.replace(" ", "_").replace("/", "_")
    return f"{name}-{example.stem}-{digest}.npz"


def _make(example: Example, working_px: int) -> Packed:
    pixels, fov = read_pixels(example)
    frame = frame_of(fov, working_px)
    field = frame.cut(fov) >= 0.5
    cut = np.clip(np.rint(frame.cut(pixels)), 0, 255).astype(np.uint8)
    truth, known = {}, {}
    for target, coverage, surely in truth_maps(example.truth, example.points, frame=frame, field=field):
        truth[target] = np.rint(coverage * 255).astype(np.uint8)
        known[target] = surely.astype(np.uint8) * np.uint8(255)
    return Packed(pixels=cut, field=field, truth=truth, known=known)


def pack(packed: Packed) -> dict[str, np.ndarray]:
    """What a file holds: pixels as a JPEG, maps without loss."""
    bgr = cv2.cvtColor(packed.pixels, cv2.COLOR_RGB2BGR)
    parts = {
        "pixels": _encode(".jpg", bgr, JPEG),
        "field": encode_map(packed.field.astype(np.uint8) * 255),
    }
    for target in packed.truth:
        parts[f"truth_{target}"] = encode_map(packed.truth[target])
        parts[f"known_{target}"] = encode_map(packed.known[target])
    return parts


def encode_map(array: np.ndarray) -> np.ndarray:
    """The bytes of an (H, W) uint8 map, without loss."""
    return _encode(".png", array, PNG)


def decode_map(data: np.ndarray) -> np.ndarray:
    """What `encode_map` was given."""
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def _encode(kind: str, array: np.ndarray, options: tuple[int, ...]) -> np.ndarray:
    done, data = cv2.imencode(kind, array, options)
    if not done:  # only when the library was built without the format
        raise ConfigError(f"OpenCV cannot write {kind}", remedy="reinstall opencv-python-headless")
    return data


def unpack(parts: dict[str, np.ndarray]) -> Packed:
    """An image from what its file holds."""

    def maps(prefix: str) -> dict[str, np.ndarray]:
        return {
            key.removeprefix(prefix): decode_map(data)
            for key, data in parts.items()
            if key.startswith(prefix)
        }

    pixels = cv2.imdecode(parts["pixels"], cv2.IMREAD_COLOR)
    return Packed(
        pixels=np.ascontiguousarray(np.asarray(pixels)[..., ::-1]),
        field=decode_map(parts["field"]) > 0,
        truth=maps("truth_"),
        known=maps("known_"),
    )


def example_digest(example: Example, working_px: int) -> str:
    """16 hexadecimal digits of all that the packed maps depend on."""
    whole = hashlib.sha256(json.dumps([VERSION, working_px, sorted(example.points.items())]).encode())
    files = {"image": example.image, **example.truth}
    if example.fov is not None:
        files["fov"] = example.fov
    for role, path in sorted(files.items()):
        whole.update(role.encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]
