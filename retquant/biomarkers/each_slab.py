"""An angiogram measured slab by slab: the vessels and the light of each slab, in the one place of the eye.

Masks that a manifest brings are slab 1's; of further slabs a model draws the vessels, in their own pixels. Where no
model is set they are missing (`target_absent`), which is no failure of the image. Foveal avascular zone, fovea and with
them scale and regions are slab 1's for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from retquant.biomarkers.measurement import Biomarkers, missing
from retquant.biomarkers.slabs import split_slab
from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.segmentation import Segmentation, TargetMask

OF_THE_EYE = ("faz", "fovea", "disc", "cup")
"""Targets that slab 1 tells for all slabs."""


def shared_targets(segmentation: Segmentation) -> Mapping[str, TargetMask]:
    """What slab 1 tells of the eye, to be taken as given in its other slabs."""
    return MappingProxyType(
        {name: target for name, target in segmentation.targets.items() if name in OF_THE_EYE}
    )


def slab_image(image: RetinalImage, slab: str) -> RetinalImage | None:
    """The angiogram with the pixels of one of its slabs, by name; None where it has no such slab."""
    plane = image.slab(slab)
    return None if plane is None else replace(image, pixels=np.repeat(plane[..., None], 3, axis=2))


def first_names(columns: Sequence[str], image: RetinalImage) -> list[str]:
    """Registry names of what slab 1, or an image without slabs, is measured for."""
    first = image.slab_names[0] if image.slab_names else None
    return [name for name, slab in map(split_slab, columns) if slab in (None, first)]


def deeper_slabs(columns: Sequence[str], image: RetinalImage) -> list[str]:
    """The slabs beyond the first that an image has and some column is of."""
    wanted = {slab for _, slab in map(split_slab, columns)}
    return [slab for slab in image.slab_names[1:] if slab in wanted]


def in_slabs(
    columns: Sequence[str],
    image: RetinalImage,
    first: Biomarkers,
    measure: Callable[[RetinalImage, Sequence[str], str], Biomarkers] | None,
) -> Biomarkers:
    """All columns of an image, in their order: slab 1's as measured, those of its other slabs measured now.

    Parameters
    ----------
    columns : sequence of str
        Names as the run has them, with a slab or without.
    first : Biomarkers
        Slab 1's measurements of `first_names`, by their names in the registry.
    measure : callable, optional
        Measures a slab for columns, by their names in the registry, and is told its name; None where nothing tells
        its vessels.
    """
    placed = {name: split_slab(name) for name in columns}
    found: dict[str | None, Biomarkers] = {None: first}
    for place, slab in enumerate(image.slab_names):
        names = [name for name, of in placed.values() if of == slab]
        seen = slab_image(image, slab) if place and names else None
        if not place:
            found[slab] = first
        elif seen is not None and measure is not None:
            found[slab] = measure(seen, names, slab)
    return {
        column: found[slab][name] if slab in found else missing("target_absent")
        for column, (name, slab) in placed.items()
    }
