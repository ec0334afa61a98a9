"""Images with truth in the frame the network works in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np

from retquant.segmentation.spec import GLANCE_SHRINK
from retquant.segmentation.working_image import field_colour, glance_of, local_contrast
from retquant.training.datasets import Example
from retquant.training.packing import Packed, read_packed


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WorkingExample:
    """An example in the network's frame of S pixels, for T targets; everything 8-bit, so that data sets fit memory."""

    example: Example
    image: np.ndarray  # (S, S, 3) uint8 local contrast
    glance: np.ndarray  # (g, g, 6) uint8 local contrast and colour of the field at a third of the scale
    truth: np.ndarray  # (S, S, T) uint8, coverage
    valid: np.ndarray  # (S, S, T) uint8, 255 where truth is known, else 0
    glance_truth: np.ndarray  # (g, g, T) uint8, the same at the glance's scale
    glance_valid: np.ndarray  # (g, g, T) uint8
    field: np.ndarray  # (S, S) bool


def load_working(
    examples: Sequence[Example],
    *,
    targets: Sequence[str],
    working_px: int,
    cache: Path | None = None,
    edge_jitter: float = 0.0,
    glance_shrink: int = GLANCE_SHRINK,
) -> Iterator[WorkingExample]:
    """Read examples into the network's frame; truth becomes the share of each working pixel that is covered.

    What was read is kept in the folder `cache`, where it is given, and taken from there the next time. `edge_jitter`
    is that of `with_moved_edge`.
    """
    for example in examples:
        packed = read_packed(example, working_px, cache)
        if edge_jitter:
            packed = with_moved_edge(
                packed, edge_jitter, seed=crc32(f"{example.dataset} {example.stem}".encode())
            )
        yield working_example(example, packed, targets, glance_shrink)


def working_example(
    example: Example, packed: Packed, targets: Sequence[str], glance_shrink: int = GLANCE_SHRINK
) -> WorkingExample:
    """A packed image as the network sees it."""
    pixels, field = packed.pixels.astype(np.float32), packed.field
    contrast = local_contrast(pixels, field)
    truth, valid = (_stack(maps, targets, len(field)) for maps in (packed.truth, packed.known))
    return WorkingExample(
        example=example,
        image=_to_bytes(contrast),
        glance=_to_bytes(glance_of(contrast, field_colour(pixels, field), glance_shrink)),
        truth=truth,
        valid=valid,
        glance_truth=shrink(truth, glance_shrink),
        glance_valid=shrink(valid, glance_shrink),
        field=field,
    )


def with_moved_edge(packed: Packed, most: float, *, seed: int) -> Packed:
    """The image with its field's edge moved by up to `most` of the frame, in or out.

    Masks of the field that come with images often take in some of the dark rim, and those found in an image may do so,
    too. A network that never saw a rim in its field takes it for a vessel. What lies beyond the drawn field is
    background, of every target that is known in half of the field at least.
    """
    reach = most * len(packed.field)
    move = round(float(np.random.default_rng([seed, 5]).uniform(-reach, reach)))
    if move == 0:
        return packed
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(move) + 1, 2 * abs(move) + 1))
    change = cv2.dilate if move > 0 else cv2.erode
    moved = change(packed.field.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    rim = moved & ~packed.field
    known = {
        target: np.where(rim & ((part[packed.field] > 0).mean() >= 0.5), np.uint8(255), part * moved)
        for target, part in packed.known.items()
    }
    return replace(packed, field=moved, known=known)


def _to_bytes(array: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.rint(array * 255).astype(np.uint8)
    return rounded


def _stack(maps: Mapping[str, np.ndarray], targets: Sequence[str], side: int) -> np.ndarray:
    nothing = np.zeros((side, side), np.uint8)
    return np.stack([maps.get(target, nothing) for target in targets], axis=-1)


def shrink(maps: np.ndarray, times: int) -> np.ndarray:
    """Maps (S, S, n) at the scale of the glance, by area means."""
    side = len(maps) // times
    parts = [
        cv2.resize(maps[..., i], (side, side), interpolation=cv2.INTER_AREA) for i in range(maps.shape[-1])
    ]
    return np.stack(parts, axis=-1)
