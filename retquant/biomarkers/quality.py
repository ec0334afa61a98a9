"""Image quality as columns: measured before segmentation, except how much of each zone is visible."""

from __future__ import annotations

import math

from retquant.anatomy.regions import ETDRS, ZONES
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import Workspace

IMAGE = ("quality",)


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


@biomarker(
    unit="1",
    reference="retquant",
    structures=IMAGE,
    over="image",
    id="quality_fov_fraction",
    modalities=("cfp", "octa"),
)
def fov_fraction(workspace: Workspace) -> Measurement:
    """Share of the frame that the field of view fills."""
    return _given(workspace, "fov_fraction")


@biomarker(
    unit="1",
    reference="retquant",
    structures=IMAGE,
    over="image",
    id="quality_illumination_uniformity",
    direction="higher_is_better",
    modalities=("cfp", "octa"),
)
def illumination_uniformity(workspace: Workspace) -> Measurement:
    """How evenly the field is lit, 1 for evenly."""
    return _given(workspace, "illumination_uniformity")


@biomarker(
    unit="1",
    reference="retquant",
    structures=IMAGE,
    over="image",
    id="quality_clipped_fraction",
    direction="higher_is_worse",
    modalities=("cfp", "octa"),
)
def clipped_fraction(workspace: Workspace) -> Measurement:
    """Share of the field of view that is black or saturated."""
    return _given(workspace, "clipped_fraction")


@biomarker(
    unit="1",
    reference="retquant",
    structures=IMAGE,
    over="image",
    id="quality_sharpness",
    direction="higher_is_better",
    modalities=("cfp", "octa"),
)
def sharpness(workspace: Workspace) -> Measurement:
    """How sharp the image is within the field of view."""
    return _given(workspace, "sharpness")


@biomarker(
    unit="1",
    reference="Immerkaer1996",
    structures=IMAGE,
    over="image",
    id="quality_noise",
    direction="higher_is_worse",
    modalities=("cfp", "octa"),
)
def noise(workspace: Workspace) -> Measurement:
    """Noise of single pixels over the fine structure of the image, below 0.5 in a good photograph."""
    return _given(workspace, "noise")


@biomarker(
    unit="1",
    reference="retquant",
    structures=IMAGE,
    over="image",
    id="quality_blockiness",
    direction="higher_is_worse",
    modalities=("cfp", "octa"),
)
def blockiness(workspace: Workspace) -> Measurement:
    """How far the blocks of JPEG compression stand out, 1 where they do not."""
    return _given(workspace, "blockiness")


@biomarker(
    unit="1",
    reference="retquant",
    structures=IMAGE,
    over="image",
    id="quality_score",
    direction="higher_is_better",
    modalities=("cfp", "octa"),
)
def score(workspace: Workspace) -> Measurement:
    """Quality of the image as one number from 0 (useless) to 1 (without fault)."""
    return _given(workspace, "score")


@biomarker(
    unit="1",
    reference="Knudtson2003",
    structures=IMAGE,
    over="image",
    id="quality_zone_b_visible",
    direction="higher_is_better",
)
def zone_b_visible(workspace: Workspace) -> Measurement:
    """Share of zone B, 2 to 3 disc radii from the disc's centre, inside the field of view."""
    return _visible(workspace, "zone_b")


@biomarker(
    unit="1",
    reference="Knudtson2003",
    structures=IMAGE,
    over="image",
    id="quality_zone_c_visible",
    direction="higher_is_better",
)
def zone_c_visible(workspace: Workspace) -> Measurement:
    """Share of zone C, 2 to 5 disc radii from the disc's centre, inside the field of view."""
    return _visible(workspace, "zone_c")


@biomarker(
    unit="1",
    reference="ETDRS1991",
    structures=IMAGE,
    over="image",
    id="quality_fovea_visible",
    direction="higher_is_better",
)
def fovea_visible(workspace: Workspace) -> Measurement:
    """Share of the circle of 0.5 mm radius about the fovea inside the field of view."""
    return _visible(workspace, "fovea")


@biomarker(
    unit="1",
    reference="ETDRS1991",
    structures=IMAGE,
    over="image",
    id="quality_parafovea_visible",
    direction="higher_is_better",
)
def parafovea_visible(workspace: Workspace) -> Measurement:
    """Share of the parafovea, 0.5 to 1.5 mm from the fovea, inside the field of view."""
    return _visible(workspace, "parafovea")


@biomarker(
    unit="1",
    reference="ETDRS1991",
    structures=IMAGE,
    over="image",
    id="quality_perifovea_visible",
    direction="higher_is_better",
)
def perifovea_visible(workspace: Workspace) -> Measurement:
    """Share of the perifovea, 1.5 to 3 mm from the fovea, inside the field of view."""
    return _visible(workspace, "perifovea")
