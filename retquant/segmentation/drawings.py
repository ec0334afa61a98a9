"""What a model drew of an image, as a value of its own: drawn here, by another machine, or in an earlier run.

Measuring asks for views of an image (a slab, a mirror image) and does not know who draws them. The maps of a view are
the model's own, before masks that were given take their places.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np

from retquant.config import SegmentationSettings
from retquant.errors import SegmentationError
from retquant.images import RetinalImage
from retquant.segmentation.closer_look import closer_side
from retquant.segmentation.mirror import mirrored, turned_back
from retquant.segmentation.models import model_for, segmenter_for, wants_model
from retquant.segmentation.segmentation import Segmentation, TargetMask

DRAWING_VERSION = 1
"""Goes up when the way from pixels to maps changes, so that maps that are kept are not taken for those of today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which picture of an image a model is shown."""

    slab: str | None = None  # of an angiogram; None: the image as it is, which is slab 1
    mirror: int | None = None  # axis along which it is shown mirrored (0: up and down)


Drawings = Mapping[View, Segmentation]
"""View -> all maps that the model drew of it, turned back to the image's own pixels."""


class NotDrawnError(SegmentationError):
    """Maps are needed that nobody drew, or that were drawn of another image or by another model."""


class Draws(Protocol):
    """Whoever gives the model's maps of a view."""

    def __call__(self, image: RetinalImage, view: View) -> Segmentation:
        """All maps of the view; `image` is the picture itself, with the slab's pixels but not mirrored."""
        ...


class Model:
    """Draws here and now, and remembers what it drew where it is told to."""

    def __init__(self, settings: SegmentationSettings, *, device: str = "auto", keeps: bool = False) -> None:
        self._settings, self._device = settings, device
        self.drawings: dict[View, Segmentation] | None = {} if keeps else None

    def __call__(self, image: RetinalImage, view: View) -> Segmentation:
        """See `Draws`."""
        draw = segmenter_for(image.modality, self._settings, device=self._device)
        found = (
            draw(image)
            if view.mirror is None
            else turned_back(draw(mirrored(image, view.mirror)), view.mirror)
        )
        if self.drawings is not None:
            self.drawings[view] = found
        return found


class Drawn:
    """Gives what was drawn before; `why` says what to do where a view is missing."""

    def __init__(self, drawings: Drawings, *, why: str) -> None:
        self._drawings, self._why = drawings, why

    def __call__(self, image: RetinalImage, view: View) -> Segmentation:
        """See `Draws`.

        Raises
        ------
        NotDrawnError
            Nobody drew this view.
        """
        found = self._drawings.get(view)
        if found is None:
            raise NotDrawnError(f"the model's maps of {_told(view)} are not there", remedy=self._why)
        return found


def segmented(
    image: RetinalImage,
    given: Mapping[str, TargetMask],
    settings: SegmentationSettings,
    draws: Draws,
    *,
    view: View,
) -> Segmentation:
    """Masks of all targets: given ones as they are, the others as drawn; nobody is asked to draw for nothing.

    Raises
    ------
    SegmentationError
        No model is set for the image's modality, and no mask was given.
    """
    if view.mirror is None and not wants_model(image.modality, given, settings):
        return Segmentation(targets=MappingProxyType(dict(given)))
    return Segmentation(targets=MappingProxyType({**draws(image, view).targets, **given}))


def views_of(
    image: RetinalImage,
    given: Collection[str],
    settings: SegmentationSettings,
    *,
    slabs: Collection[str] = (),
    mirrors: Sequence[int] = (),
) -> tuple[View, ...]:
    """The views that measuring will ask for.

    Parameters
    ----------
    given : names of the targets whose masks the manifest brings
    slabs : those beyond the first that are measured
    mirrors : axes along which the image is drawn again, for standard errors
    """
    places: list[str | None] = [None] if wants_model(image.modality, given, settings) else []
    if model_for(image.modality, settings) is not None:
        places += slabs
    return tuple(View(slab=slab, mirror=axis) for slab in places for axis in (None, *mirrors))


def draw_views(
    asked: Sequence[tuple[RetinalImage, Sequence[View]]],
    settings: SegmentationSettings,
    *,
    device: str = "auto",
) -> list[Drawings]:
    """The views of several images, which go to the model together."""
    drawings: list[dict[View, Segmentation]] = [{} for _ in asked]
    for modality in sorted({image.modality for image, _ in asked}):
        places = [
            (index, view)
            for index, (image, views) in enumerate(asked)
            if image.modality == modality
            for view in views
        ]
        if not places:
            continue
        shown = [_shown(asked[index][0], view) for index, view in places]
        found = segmenter_for(modality, settings, device=device).many(shown)
        for (index, view), seen in zip(places, found, strict=True):
            drawings[index][view] = seen if view.mirror is None else turned_back(seen, view.mirror)
    return list(drawings)


def drawing_key(image: RetinalImage, settings: SegmentationSettings) -> str:
    """Digest of all that a model's maps of an image depend on; it begins with that of `drawing_method`.

    It is taken from pixels, not from the file, so that a file that was only written anew keeps its maps.
    """
    seen: dict[str, object] = {"shape": image.shape, "slabs": image.slab_names}
    if (side := closer_side(image)) is not None:
        seen["closer_px"] = side
    digest = hashlib.blake2b(json.dumps(seen).encode(), digest_size=16)
    for array in (image.pixels, np.packbits(image.fov), image.slabs):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return f"{drawing_method(image.modality, settings)}-{digest.hexdigest()}"


def drawing_method(modality: str, settings: SegmentationSettings) -> str:
    """Digest of how images of a modality are drawn: by which model, and with which settings."""
    bundle = model_for(modality, settings)
    facts = {
        "version": DRAWING_VERSION,
        "modality": modality,
        "settings": settings.model_dump(mode="json", exclude={"model", "octa_model"}),
        "model": None
        if bundle is None
        else [
            bundle.weights_sha256,
            bundle.working_px,
            bundle.targets,
            bundle.default_hand,
            bundle.temperatures,
        ],
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()


def _shown(image: RetinalImage, view: View) -> RetinalImage:
    if view.slab is not None:
        plane = image.slab(view.slab)
        if plane is None:
            raise NotDrawnError(f"the image has no slab {view.slab}", remedy="name its slabs in the manifest")
        image = replace(image, pixels=np.repeat(plane[..., None], 3, axis=2))
    return image if view.mirror is None else mirrored(image, view.mirror)


def _told(view: View) -> str:
    told = "the image" if view.slab is None else f"slab {view.slab}"
    return told if view.mirror is None else f"{told} in a mirror"
