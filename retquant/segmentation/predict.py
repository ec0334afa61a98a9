"""From a retinal image to probabilities: working frame, tiles, network, and back to the image's own pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from retquant.segmentation.tiling import blend, tile_corners
from retquant.segmentation.working_image import frame_of, local_contrast

if TYPE_CHECKING:
    from retquant.segmentation.network import SamNetwork

OVERLAP_PX = 64  # of neighbouring tiles; 640 px across the field is then 3x3 tiles of 256 exactly


def predict_field(
    network: SamNetwork,
    pixels: np.ndarray,
    fov: np.ndarray,
    *,
    working_px: int,
    hand: int,
    precision: str = "float32",
) -> Mapping[str, np.ndarray]:
    """Probability of each target at every pixel of one image.

    Parameters
    ----------
    pixels : (H, W, 3) uint8, RGB
    fov : (H, W) bool
    working_px : the field's width in the frame the network works in
    hand : index of the annotation hand to follow

    Returns
    -------
    target name -> (H, W) uint8, probability times 255; 0 outside the field of view
    """
    frame = frame_of(fov, working_px)
    field = frame.cut(fov) >= 0.5
    tiles = local_contrast(frame.cut(pixels), field)
    corners = tile_corners(working_px, network.tile_px, OVERLAP_PX)
    logits = _forward(network, tiles, corners, hand=hand, precision=precision)
    probability = 1 / (1 + np.exp(-blend(logits, corners, working_px)))
    return {
        target: _to_image(frame.paste(probability[index]), fov)
        for index, target in enumerate(network.spec.targets)
    }


def _to_image(probability: np.ndarray, fov: np.ndarray) -> np.ndarray:
    rounded = np.round(np.clip(probability, 0, 1) * 255).astype(np.uint8)
    rounded[~fov] = 0
    return rounded


def _forward(
    network: SamNetwork, image: np.ndarray, corners: list[tuple[int, int]], *, hand: int, precision: str
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
            answers.append(network(tiles, hands).float().cpu().numpy())
    return np.concatenate(answers)


def _autocast(device: str, precision: str) -> torch.autocast:
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16")
