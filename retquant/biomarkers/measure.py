"""From one image's graphs, masks and landmarks to all its biomarkers, each a number or a reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from retquant.anatomy.anatomy import Anatomy
from retquant.biomarkers.definition import Column, Definition
from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import BIOMARKERS, DEFINITIONS
from retquant.biomarkers.slabs import select_columns
from retquant.biomarkers.statistics import Sample
from retquant.biomarkers.workspace import MeasureInputs, Workspace

GRAPHED = ("vessel", "artery", "vein", "large_vessel", "capillary")
"""Targets that are measured along their centre lines; the others are areas and have no graph."""


def measure(inputs: MeasureInputs, columns: Sequence[str] | None = None) -> dict[str, Measurement]:
    """Measure one image.

    Parameters
    ----------
    columns : sequence of str, optional
        Names or globs (`vein_*`); all columns of the image's modality by default. Columns that do not apply
        to the modality are left out of the result.

    Raises
    ------
    ConfigError
        A name or glob matches no biomarker.
    """
    workspace = Workspace(inputs)
    chosen = select_columns(columns if columns is not None else ("*",), modality=inputs.modality)
    made: dict[tuple[str | None, ...], Measurement | Sample] = {}
    measured = {}
    for name in chosen:
        column = BIOMARKERS[name]
        # a formula is run once a place, whatever its statistics
        place = (column.definition_id, column.structure, column.region, column.sector)
        if place not in made:
            made[place] = _made(column, workspace)
        measured[name] = _measured(column, made[place])
    workspace.close()
    return measured


def _made(column: Column, workspace: Workspace) -> Measurement | Sample:
    """What a column's formula gives in its place, in its unit: a number or why there is none, or many numbers."""
    definition, inputs = DEFINITIONS[column.definition_id], workspace.inputs
    if definition.over == "image":
        return _as_measurement(definition.compute(workspace))
    reason = _obstacle(column, workspace)
    if reason is not None:
        return missing(reason)
    views = [workspace.view(target, column.region or "fov", column.sector) for target in column.targets]
    values = definition.compute(*views)  # of arteries and veins, both views
    factor = _pixels_in_unit(definition, inputs.anatomy.scale.um_per_px)
    if not isinstance(values, np.ndarray):
        return _scaled(_as_measurement(values), factor)
    over_segments = definition.over == "segments"
    # whatever statistic is taken, it grows with the values
    return Sample(values * factor, views[0].graph.arc_length if over_segments else np.ones(len(values)))


def _measured(column: Column, made: Measurement | Sample) -> Measurement:
    if isinstance(made, Measurement):
        return made
    assert column.statistic is not None  # the registry refuses many values without statistics
    return made.summary(column.statistic)


def _obstacle(column: Column, workspace: Workspace) -> str | None:
    """Why a column cannot be measured in this image, before anything is computed."""
    inputs = workspace.inputs
    if any(_is_absent(target, inputs) for target in column.targets):
        return "target_absent"
    for landmark in column.landmarks_in(inputs.modality):
        if not _is_known(landmark, inputs.anatomy):
            return f"no_{landmark}"
    scale = inputs.anatomy.scale
    if column.needs_scale != "no" and scale.um_per_px is None:
        return "scale_unknown"
    if column.needs_scale == "nominal" and not scale.is_nominal:
        return "scale_assumed"
    if column.own_anatomy is not None and scale.source == column.own_anatomy:
        return "scale_assumed"
    extent = workspace.region(column.region or "fov", column.sector if column.region else None)
    return "region_out_of_bounds" if extent.visible_share < column.minimum_visible_share else None


def _is_absent(target: str, inputs: MeasureInputs) -> bool:
    return inputs.segmentation.get(target) is None or (target in GRAPHED and target not in inputs.graphs)


def _is_known(landmark: str, anatomy: Anatomy) -> bool:
    match landmark:
        case "disc":
            return anatomy.disc is not None
        case "fovea":
            # a fovea on the disc's very centre tells no direction
            return anatomy.fovea is not None and (
                anatomy.disc is None or anatomy.disc.center != anatomy.fovea
            )
        case "laterality":
            return anatomy.eye in ("OD", "OS")
    raise ValueError(f"{landmark!r} is no landmark")


def _as_measurement(found: Measurement | float) -> Measurement:
    if isinstance(found, Measurement):
        return found
    value = float(found)
    return missing("too_few_vessels") if math.isnan(value) else Measurement(value=value)


def _pixels_in_unit(definition: Definition, um_per_px: float | None) -> float:
    """What a formula's result in pixels is multiplied by."""
    if not definition.pixel_power:
        return 1.0
    assert um_per_px is not None  # a unit with a length in it needs a scale, which was checked before
    return definition.factor(um_per_px)


def _scaled(result: Measurement, factor: float) -> Measurement:
    if factor == 1.0 or result.reason is not None:
        return result
    error = result.standard_error
    return Measurement(
        value=result.value * factor, standard_error=None if error is None else error * factor, n=result.n
    )


def missing_counts(biomarkers: Mapping[str, Measurement]) -> dict[str, int]:
    """How many columns are missing, by reason."""
    counts: dict[str, int] = {}
    for measurement in biomarkers.values():
        if measurement.reason is not None:
            counts[measurement.reason] = counts.get(measurement.reason, 0) + 1
    return counts
