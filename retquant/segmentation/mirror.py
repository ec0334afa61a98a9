"""Segmenting an image in a mirror: how far a model's answer depends on which way round it sees the eye."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.segmentation import Segmentation


def mirrored(image: RetinalImage, axis: int) -> RetinalImage:
    """The image mirrored along `axis` (0: up and down), as a model is shown it."""
    center = list(image.field.center)
    center[axis] = image.shape[axis] - 1 - center[axis]
    return replace(
        image,
        pixels=np.ascontiguousarray(np.flip(image.pixels, axis)),
        fov=np.ascontiguousarray(np.flip(image.fov, axis)),
        field=replace(image.field, center=(center[0], center[1])),
    )


def turned_back(seen: Segmentation, axis: int) -> Segmentation:
    """What was found in the image mirrored along `axis`, in the image's own pixels."""
    return Segmentation(
        targets=MappingProxyType(
            {
                name: replace(target, probability=np.ascontiguousarray(np.flip(target.probability, axis)))
                for name, target in seen.targets.items()
            }
        )
    )
