"""What an eye has one of: of a disc, a cup or an avascular zone that a model found in several places, the surest place.

A mask that somebody drew is taken as it is: where a drawn avascular zone is in parts, it has no size (`no_faz`).
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import cv2
import numpy as np

from retquant.segmentation.segmentation import Segmentation, TargetMask

SINGLE = ("disc", "cup", "faz")
SKIRT = 32  # 8-bit probability down to which another place goes with its mask


def with_single_areas(segmentation: Segmentation) -> Segmentation:
    """The segmentation with one area a target of `SINGLE` that a model found; what a manifest brings stays as it is."""
    changed = {
        name: keep_one_area(segmentation.targets[name])
        for name in SINGLE
        if name in segmentation.targets and segmentation.targets[name].source.startswith("model:")
    }
    return (
        Segmentation(targets=MappingProxyType({**segmentation.targets, **changed}))
        if changed
        else segmentation
    )


def keep_one_area(target: TargetMask) -> TargetMask:
    """The connected area (8 neighbours) of greatest summed probability; a bright rim or scar elsewhere goes."""
    found = target.probability
    count, areas = cv2.connectedComponents(target.mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return target
    weight = np.bincount(areas.ravel(), weights=found.ravel(), minlength=count)
    best = 1 + int(np.argmax(weight[1:]))
    _, hills = cv2.connectedComponents((found >= SKIRT).astype(np.uint8), connectivity=8)
    kept_hill = int(hills[areas == best][0])
    others = (areas > 0) & (areas != best)
    gone = np.isin(hills, np.setdiff1d(hills[others], [kept_hill]))
    # another area on the same hill keeps its place below one half
    lowered = np.where(others, np.minimum(found, np.uint8(127)), found)
    return replace(target, probability=np.where(gone, np.uint8(0), lowered))
