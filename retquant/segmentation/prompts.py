"""Prompts: where to look, in the coordinates of a tile, as SAM's prompt encoder takes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prompts:
    """Boxes, points and masks for a batch of B tiles; a whole-field pass uses the box of the whole tile."""

    boxes: Tensor | None = None  # (B, 4) x0, y0, x1, y1 in pixels of the tile
    points: Tensor | None = None  # (B, n, 2) x, y in pixels of the tile
    labels: Tensor | None = None  # (B, n) 1 on the wanted vessel, 0 on its neighbours
    masks: Tensor | None = None  # (B, 1, 256, 256) logits of an earlier answer, or of a rough drawing


def whole_tile(n: int, tile_px: int) -> Prompts:
    """The box prompt that asks for everything in each of n tiles."""
    return Prompts(boxes=torch.tensor([[0.0, 0.0, tile_px, tile_px]]).expand(n, -1))


def encode(prompt_encoder: nn.Module, prompts: Prompts) -> tuple[Tensor, Tensor]:
    """Sparse (B, n, 256) tokens and the dense (B, 256, 64, 64) map of the prompts."""
    points = None if prompts.points is None else (prompts.points, prompts.labels)
    sparse, dense = prompt_encoder(points=points, boxes=prompts.boxes, masks=prompts.masks)
    return sparse, dense
