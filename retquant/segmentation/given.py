"""Masks that a manifest brings along, as targets beside those that a model draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from retquant.images import read_av_mask, read_target_mask
from retquant.segmentation.segmentation import TargetMask


def read_masks(masks: Mapping[str, Path], shape: tuple[int, int]) -> dict[str, TargetMask]:
    """The masks that a manifest's row brings, by target; the field of view's is no target."""
    targets: dict[str, TargetMask] = {}
    for name, path in masks.items():
        if name == "fov":
            continue
        if name == "av":
            targets |= {
                part: _hard(mask) for part, mask in read_av_mask(path, shape).items() if part not in masks
            }
        else:
            probability, is_hard = read_target_mask(path, shape)
            targets[name] = TargetMask(probability=probability, source="manifest", is_hard=is_hard)
    return targets


def _hard(mask: np.ndarray) -> TargetMask:
    return TargetMask(probability=mask.astype(np.uint8) * np.uint8(255), source="manifest", is_hard=True)
