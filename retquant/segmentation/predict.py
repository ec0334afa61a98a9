"""From a retinal image to probabilities: working frame, network, and back to the image's own pixels.

A network on a foundation model works in tiles; the compact network takes the whole field in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import expit

from retquant.errors import ModelError
from retquant.segmentation.compact import CompactNetwork
from retquant.segmentation.prompts import Prompts
from retquant.segmentation.tiling import blend, tile_corners
from retquant.segmentation.working_image import Frame, field_colour, frame_of, glance_of, local_contrast

if TYPE_CHECKING:
    from retquant.segmentation.build import Network
    from retquant.segmentation.network import SamNetwork
    from retquant.segmentation.openvino_session import Session

MIRRORS: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (0, 1))
"""Axes along which a field is mirrored: itself, left and right, up and down, both."""

AT_ONCE = 8
"""Fields that a GPU takes in one pass."""

OVERLAP_PX = 64  # of neighbouring tiles; 640 px across the field is then 3x3 tiles of 256 exactly


def predict_field(
    network: Network,
    pixels: np.ndarray,
    fov: np.ndarray,
    *,
    working_px: int,
    hand: int,
    precision: str = "float32",
    session: Session | None = None,
    temperatures: Sequence[float] | None = None,
    mirrors: bool = False,
) -> Iterator[tuple[str, np.ndarray]]:
    """Probability of each target at every pixel of one image, one after the other, as each takes much memory.

    Parameters
    ----------
    pixels : (H, W, 3) uint8, RGB
    fov : (H, W) bool
    working_px : the field's width in the frame the network works in
    hand : index of the annotation hand to follow
    session : the network in OpenVINO, to run in its place
    temperatures : (T,) what the logits of each target are divided by; 1 where left out
    mirrors : the mean over the field and its three mirror images, at four times the time

    Yields
    ------
    target name, (H, W) float32; 0 outside the field of view
    """
    seen = prepared(network, pixels, fov, working_px=working_px)
    logits = [
        frame_logits(network, contrast, glance, hand=hand, precision=precision, session=session)
        for contrast, glance in seen.turned(mirrors=mirrors)
    ]
    yield from seen.answer(network.spec.targets, logits, temperatures)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prepared:
    """An image in the working frame, as a network wants it, and the way back. S: the frame's side."""

    frame: Frame
    fov: np.ndarray  # (H, W) bool, of the image
    contrast: np.ndarray  # (S, S, 3) float32
    glance: np.ndarray | None  # (g, g, 6) float32, for the compact network

    def turned(self, *, mirrors: bool) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """What the network is shown: the field and, with `mirrors`, its three mirror images."""
        for axes in MIRRORS if mirrors else MIRRORS[:1]:
            yield np.flip(self.contrast, axes), None if self.glance is None else np.flip(self.glance, axes)

    def answer(
        self, targets: Sequence[str], logits: Sequence[np.ndarray], temperatures: Sequence[float] | None
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Target and (H, W) float32 probability, of the (T, S, S) logits of each turn."""
        probability = np.zeros(logits[0].shape, np.float32)
        for axes, found in zip(MIRRORS, logits, strict=False):
            back = tuple(axis + 1 for axis in axes)
            probability += np.flip(to_probability(found, temperatures), back) / len(logits)
        for index, target in enumerate(targets):
            yield target, np.clip(self.frame.paste(probability[index]), 0, 1) * self.fov


def prepared(network: Network, pixels: np.ndarray, fov: np.ndarray, *, working_px: int) -> Prepared:
    """An (H, W, 3) uint8 image with its (H, W) field of view, in the working frame."""
    frame = frame_of(fov, working_px)
    field = frame.cut(fov) >= 0.5
    cut = frame.cut(pixels)
    contrast = local_contrast(cut, field)
    glance = None
    if isinstance(network, CompactNetwork):
        glance = glance_of(contrast, field_colour(cut, field), network.spec.glance_shrink)
    return Prepared(frame=frame, fov=fov, contrast=contrast, glance=glance)


def predict_at(
    network: SamNetwork,
    pixels: np.ndarray,
    fov: np.ndarray,
    points: np.ndarray,
    avoid: np.ndarray,
    *,
    working_px: int,
    hand: int,
    precision: str = "float32",
    temperatures: Sequence[float] | None = None,
) -> Mapping[str, np.ndarray]:
    """What points ask for, within the tile about them; elsewhere 0. As `predict_field` otherwise.

    Parameters
    ----------
    points : (n, 2) x, y in the image, on what is wanted
    avoid : (m, 2) x, y on what is not

    Raises
    ------
    ModelError
        The points lie further apart than a tile.
    """
    frame = frame_of(fov, working_px)
    field = frame.cut(fov) >= 0.5
    contrast, tile = local_contrast(frame.cut(pixels), field), network.tile_px
    clicks = frame.points(np.concatenate([points, avoid]))
    wanted = clicks[: len(points)]
    middle = (wanted.min(axis=0) + wanted.max(axis=0)) / 2
    corner = np.clip(np.rint(middle - tile / 2), 0, max(0, working_px - tile)).astype(int)
    inside = ((clicks >= corner) & (clicks <= corner + tile - 1)).all(axis=1)
    if not inside[: len(points)].all():
        raise ModelError(
            f"the points span more than {tile} of {working_px} pixels across the field",
            remedy="click nearer together, or within the field of view",
        )
    prompts = Prompts(
        points=torch.from_numpy((clicks[inside] - corner).astype(np.float32))[None],
        labels=torch.from_numpy((np.arange(len(clicks)) < len(points))[inside].astype(np.int64))[None],
    )
    (col, row), place = corner, (slice(corner[1], corner[1] + tile), slice(corner[0], corner[0] + tile))
    logits = _forward(network, contrast, [(row, col)], hand=hand, precision=precision, prompts=prompts)[0]
    probability = to_probability(logits, temperatures)
    found = {}
    for index, target in enumerate(network.spec.targets):
        whole = np.zeros((working_px, working_px), np.float32)
        whole[place] = probability[index]
        found[target] = np.clip(frame.paste(whole), 0, 1) * fov
    return found


def to_probability(logits: np.ndarray, temperatures: Sequence[float] | None = None) -> np.ndarray:
    """(T, h, w) float32 probabilities of (T, h, w) logits; a temperature above 1 takes certainty away."""
    if temperatures is not None:
        logits = logits / np.asarray(temperatures, np.float32)[:, None, None]
    probability: np.ndarray = expit(logits)
    return probability


def frame_logits(
    network: Network,
    contrast: np.ndarray,
    glance: np.ndarray | None,
    *,
    hand: int,
    precision: str = "float32",
    session: Session | None = None,
) -> np.ndarray:
    """(T, S, S) float32 logits of a field in the working frame.

    Parameters
    ----------
    contrast : (S, S, 3) float32 local contrast
    glance : (g, g, 6) float32, which the compact network wants
    session : the network in OpenVINO, to run in its place
    """
    return frames_logits(network, [(contrast, glance)], hand=hand, precision=precision, session=session)[0]


def frames_logits(
    network: Network,
    fields: Sequence[tuple[np.ndarray, np.ndarray | None]],
    *,
    hand: int,
    precision: str = "float32",
    session: Session | None = None,
) -> list[np.ndarray]:
    """What `frame_logits` gives of each of several fields of one size, of any images.

    A GPU takes `AT_ONCE` fields in one pass, always as many: places that are left over are filled with zeros, so that
    a result does not depend on how many others there were. A CPU takes one at a time, which is fastest there.
    """
    if not isinstance(network, CompactNetwork):
        return [
            _in_tiles(network, seen, hand=hand, precision=precision, session=session) for seen, _ in fields
        ]
    pairs = [(seen, _required(glance)) for seen, glance in fields]
    if session is not None:
        return [session(_channels_first(seen), hand, _channels_first(glance))[0] for seen, glance in pairs]
    batch = AT_ONCE if next(network.parameters()).device.type == "cuda" else 1
    found: list[np.ndarray] = []
    for first in range(0, len(pairs), batch):
        found += _whole_fields(network, pairs[first : first + batch], batch, hand=hand, precision=precision)
    return found


def _required(glance: np.ndarray | None) -> np.ndarray:
    if glance is None:
        raise ModelError("the compact network needs a glance at the whole field", remedy="give `glance`")
    return glance


def _in_tiles(
    network: SamNetwork, contrast: np.ndarray, *, hand: int, precision: str, session: Session | None
) -> np.ndarray:
    """(T, S, S) float32 logits, put together from overlapping tiles."""
    corners = tile_corners(len(contrast), network.tile_px, OVERLAP_PX)
    if session is not None:
        cuts = (contrast[r : r + network.tile_px, c : c + network.tile_px] for r, c in corners)
        tiles = np.concatenate([session(_channels_first(cut), hand) for cut in cuts])
    else:
        tiles = _forward(network, contrast, corners, hand=hand, precision=precision)
    return blend(tiles, corners, len(contrast))


def _channels_first(array: np.ndarray) -> np.ndarray:
    """A batch of one (1, C, h, w)."""
    return np.ascontiguousarray(array.transpose(2, 0, 1))[None]


def _whole_fields(
    network: CompactNetwork,
    fields: Sequence[tuple[np.ndarray, np.ndarray]],
    batch: int,
    *,
    hand: int,
    precision: str,
) -> list[np.ndarray]:
    """(T, S, S) float32 logits of each field, all in one pass of a batch that is always as large."""
    device = next(network.parameters()).device

    def tensor(arrays: Sequence[np.ndarray]) -> torch.Tensor:
        stack = np.zeros((batch, *arrays[0].transpose(2, 0, 1).shape), np.float32)
        for place, array in zip(stack, arrays, strict=False):
            place[:] = array.transpose(2, 0, 1)
        return torch.from_numpy(stack).to(device, memory_format=torch.channels_last)

    with torch.inference_mode(), _autocast(device.type, precision):
        logits, _ = network(
            tensor([contrast for contrast, _ in fields]),
            torch.full((batch,), hand, device=device),
            tensor([glance for _, glance in fields]),
            torch.zeros(batch, 2, device=device),
        )
    return list(logits[: len(fields)].float().cpu().numpy())


def _forward(
    network: SamNetwork,
    image: np.ndarray,
    corners: list[tuple[int, int]],
    *,
    hand: int,
    precision: str,
    prompts: Prompts | None = None,
) -> np.ndarray:
    """(n, T, t, t) float32 logits of the tiles of a (S, S, 3) working image.

    On a CPU one tile at a time is fastest and holds least memory; a GPU takes all tiles of the image at once. The
    batch's shape is the same for every image, so that a result does not depend on its neighbours.
    """
    device = next(network.parameters()).device
    tile = network.tile_px
    stack = np.stack([image[r : r + tile, c : c + tile].transpose(2, 0, 1) for r, c in corners])
    batch = len(stack) if device.type == "cuda" else 1
    answers = []
    with torch.inference_mode(), _autocast(device.type, precision):
        for first in range(0, len(stack), batch):
            tiles = torch.from_numpy(stack[first : first + batch]).to(
                device, memory_format=torch.channels_last
            )
            hands = torch.full((len(tiles),), hand, device=device)
            answers.append(network(tiles, hands, prompts).float().cpu().numpy())
    return np.concatenate(answers)


def _autocast(device: str, precision: str) -> torch.autocast:
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16")
