"""Which model draws the masks of an image: photographs and angiograms have each their own."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from retquant.config import SegmentationSettings
from retquant.errors import ModelError, SegmentationError
from retquant.segmentation.bundles import Bundle, read_bundle

if TYPE_CHECKING:
    from retquant.segmentation.segmenter import Segmenter

_loading = threading.Lock()  # threads of a worker share one copy of a model


def wants_model(modality: str, given: Collection[str], settings: SegmentationSettings) -> bool:
    """Whether a model has anything to draw beside the targets that are given.

    Raises
    ------
    SegmentationError
        No model is set for the modality, and no mask was given.
    """
    bundle = model_for(modality, settings)
    if bundle is None and not given:
        raise SegmentationError(
            f"no model is set for {modality} images",
            remedy="give masks in the manifest (large_vessel_mask, faz_mask, …), or a model that segments them",
        )
    return bundle is not None and not set(bundle.targets) <= set(given)


def segmenter_for(modality: str, settings: SegmentationSettings, *, device: str = "auto") -> Segmenter:
    """The model of a modality, loaded; one copy a process.

    Raises
    ------
    ModelError
        None is set, or it is missing or damaged.
    """
    from retquant.segmentation.segmenter import load_segmenter

    name = _name(modality, settings)
    if name is None:
        raise ModelError(f"no model is set for {modality} images", remedy="name one with --model")
    with _loading:
        return load_segmenter(
            name,
            device=device,
            precision=settings.precision,
            hand=settings.hand if modality == "cfp" else None,
            runtime=settings.runtime,
            mirrors=settings.mirrors,
        )


def models_in_use(settings: SegmentationSettings, modalities: Collection[str]) -> list[Bundle]:
    """The bundles that images of these modalities are segmented with."""
    found = (model_for(modality, settings) for modality in sorted(set(modalities)))
    return [bundle for bundle in found if bundle is not None]


def model_for(modality: str, settings: SegmentationSettings) -> Bundle | None:
    """The bundle that segments images of a modality; None where none is set.

    Raises
    ------
    SegmentationError
        The model that is set is for another modality.
    """
    name = _name(modality, settings)
    if name is None:
        return None
    bundle = read_bundle(name)
    if bundle.modality != modality:
        raise SegmentationError(
            f"the model {bundle.name} segments {bundle.modality} images, and is set for {modality} images",
            remedy=f"set it as segmentation.{SETTING[bundle.modality]}, or name it with --model",
        )
    return bundle


def with_model(
    settings: SegmentationSettings, name: str, modalities: Collection[str]
) -> SegmentationSettings:
    """The settings with another model for those images of `modalities` that it segments.

    Raises
    ------
    ModelError
        It segments none of them, or there is no such bundle.
    """
    bundle = read_bundle(name)
    if bundle.modality not in modalities:
        raise ModelError(
            f"the model {bundle.name} segments {bundle.modality} images, and there are none",
            remedy=f"name a model for {' or '.join(sorted(modalities))} images: retquant models list",
        )
    return settings.model_copy(update={SETTING[bundle.modality]: name})


def _name(modality: str, settings: SegmentationSettings) -> str | None:
    name: str | None = getattr(settings, SETTING[modality])
    return name


SETTING: Mapping[str, str] = MappingProxyType({"cfp": "model", "octa": "octa_model"})
"""Modality -> the setting that names its model."""
