"""Image quality as columns: measured before segmentation, except how much of each zone is visible."""

from __future__ import annotations

import math
from collections.abc import Callable

from retquant.anatomy.regions import ETDRS, ZONES
from retquant.biomarkers.definition import Direction
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import Workspace


def _given(workspace: Workspace, name: str) -> Measurement:
    value = workspace.inputs.quality.get(name, math.nan)
    return missing("no_photograph") if math.isnan(value) else Measurement(value=float(value))


def _visible(workspace: Workspace, name: str) -> Measurement:
    anatomy = workspace.inputs.anatomy
    if name in ZONES and anatomy.disc is None:
        return missing("no_disc")
    if name in ETDRS and anatomy.fovea is None:
        return missing("no_fovea")
    if name in ETDRS and anatomy.scale.um_per_px is None:
        return missing("scale_unknown")
    return Measurement(value=workspace.region(name).visible_share)


def _declare(
    measure: Callable[[Workspace, str], Measurement],
    name: str,
    sentence: str,
    *,
    reference: str,
    direction: Direction,
    modalities: tuple[str, ...],
) -> None:
    """Register what `measure` finds under `name` (a measure of the picture, or a region) as a column."""

    def measured(workspace: Workspace) -> Measurement:
        return measure(workspace, name)

    measured.__name__ = f"{name}_visible" if measure is _visible else name
    measured.__doc__ = sentence
    biomarker(
        unit="1",
        reference=reference,
        structures=("quality",),
        over="image",
        id=f"quality_{measured.__name__}",
        direction=direction,
        modalities=modalities,
    )(measured)


_PICTURE: tuple[tuple[str, str, Direction, str], ...] = (
    ("fov_fraction", "retquant", "neither", "Share of the frame that the field of view fills."),
    ("illumination_uniformity", "retquant", "higher_is_better", "How evenly the field is lit, 1 for evenly."),
    (
        "clipped_fraction",
        "retquant",
        "higher_is_worse",
        "Share of the field of view that is black or saturated.",
    ),
    ("sharpness", "retquant", "higher_is_better", "How sharp the image is within the field of view."),
    (
        "noise",
        "Immerkaer1996",
        "higher_is_worse",
        "Noise of single pixels over the fine structure of the image, below 0.5 in a good photograph.",
    ),
    (
        "blockiness",
        "retquant",
        "higher_is_worse",
        "How far the blocks of JPEG compression stand out, 1 where they do not.",
    ),
    (
        "score",
        "retquant",
        "higher_is_better",
        "Quality of the image as one number from 0 (useless) to 1 (without fault).",
    ),
)

_ANGIOGRAM: tuple[tuple[str, str, Direction, str], ...] = (
    (
        "signal_strength",
        "retquant",
        "higher_is_better",
        "Contrast of flow against the dark between vessels, 0 where noise fills it, below 1.",
    ),
    (
        "motion_lines",
        "retquant",
        "higher_is_worse",
        "Share of the scan's lines that are stripes of bulk motion or begin a jump of the eye.",
    ),
    (
        "shadow_fraction",
        "retquant",
        "higher_is_worse",
        "Share of the field with less than half of its usual brightness, one dark spot in the middle left out.",
    ),
    (
        "defocus",
        "retquant",
        "higher_is_worse",
        "Coarse structure over fine structure, larger the more the scan is out of focus.",
    ),
)

_REGIONS = (
    ("zone_b", "Knudtson2003", "zone B, 2 to 3 disc radii from the disc's centre,"),
    ("zone_c", "Knudtson2003", "zone C, 2 to 5 disc radii from the disc's centre,"),
    ("fovea", "ETDRS1991", "the circle of 0.5 mm radius about the fovea"),
    ("parafovea", "ETDRS1991", "the parafovea, 0.5 to 1.5 mm from the fovea,"),
    ("perifovea", "ETDRS1991", "the perifovea, 1.5 to 3 mm from the fovea,"),
)

for _name, _reference, _direction, _sentence in _PICTURE:
    _declare(
        _given,
        _name,
        _sentence,
        reference=_reference,
        direction=_direction,
        modalities=("cfp", "octa"),
    )
for _name, _reference, _direction, _sentence in _ANGIOGRAM:
    _declare(
        _given,
        _name,
        _sentence,
        reference=_reference,
        direction=_direction,
        modalities=("octa",),
    )
for _name, _reference, _what in _REGIONS:
    _declare(
        _visible,
        _name,
        f"Share of {_what} inside the field of view.",
        reference=_reference,
        direction="higher_is_better",
        modalities=("cfp",),
    )
