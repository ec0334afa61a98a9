"""Local mode: the one vessel that somebody clicked."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from retquant.errors import ModelError
from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.segmentation import TargetMask
from retquant.segmentation.segmenter import Segmenter, to_bytes

REACH_PX = 4.0  # working pixels by which a click may miss its vessel


def segment_at(
    segmenter: Segmenter,
    image: RetinalImage,
    points: Sequence[tuple[float, float]],
    *,
    avoid: Sequence[tuple[float, float]] = (),
    target: str = "vessel",
) -> TargetMask:
    """The part of a target that is connected (8-connectivity) to the points, at the image's own resolution.

    A bundle that was trained on clicks looks at the tile about the points, and is told of them and of those to `avoid`.
    Of any other, or a target whose clicks it did not learn well, the answer is the part of its mask of the whole field
    that holds a point and holds none to avoid.

    Parameters
    ----------
    points : x, y in pixels of the image, on the wanted vessel
    avoid : x, y on what is not wanted

    Raises
    ------
    ModelError
        No point is given, the bundle has no such target, or the points lie further apart than a tile.
    """
    from retquant.segmentation.network import SamNetwork
    from retquant.segmentation.predict import predict_at

    if not len(points):
        raise ModelError("no point is given", remedy="click a vessel: points=[(x, y)]")
    if target not in segmenter.bundle.targets:
        raise ModelError(
            f"{segmenter.bundle.name} does not segment {target!r}",
            remedy=f"one of {', '.join(segmenter.bundle.targets)}",
        )
    if segmenter.bundle.is_clicked(target) and isinstance(segmenter.network, SamNetwork):
        maps = predict_at(
            segmenter.network,
            image.pixels,
            image.fov,
            np.array(points, dtype=float),
            np.array(avoid, dtype=float).reshape(-1, 2),
            working_px=segmenter.bundle.working_px,
            hand=segmenter.bundle.hands.index(segmenter.hand),
            precision=segmenter.precision,
            temperatures=segmenter.temperatures,
        )
        probability = to_bytes(maps[target])
    else:
        probability = segmenter(image).targets[target].probability
    zoom = max(1.0, max(image.shape) / segmenter.bundle.working_px)
    mask, reach = probability >= 128, REACH_PX * zoom
    kept = connected_to(mask, points, reach=reach) & ~connected_to(mask, avoid, reach=reach)
    return TargetMask(
        probability=np.where(kept, probability, np.uint8(0)), source=f"model:{segmenter.bundle.name}"
    )


def connected_to(mask: np.ndarray, points: Sequence[tuple[float, float]], *, reach: float) -> np.ndarray:
    """(H, W) bool: the 8-connected components of a mask that come within `reach` pixels of a point (x, y)."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    rows, cols = np.nonzero(mask)
    wanted: set[int] = set()
    for x, y in points:
        distance = np.hypot(rows - y, cols - x)
        if len(distance) and distance.min() <= reach:
            nearest = int(distance.argmin())
            wanted.add(int(labels[rows[nearest], cols[nearest]]))
    kept: np.ndarray = np.isin(labels, list(wanted)) & mask
    return kept
