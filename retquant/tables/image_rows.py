"""From what was measured in one image to the rows that are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from retquant.anatomy import infer_centring, infer_eye
from retquant.biomarkers import (
    Biomarkers,
    MeasureInputs,
    bifurcation_table,
    crossing_table,
    segment_table,
)
from retquant.images.fingerprint import fingerprint, picture_digest
from retquant.tables.rows import ImageRows
from retquant.tables.schemas import standard_error_name

if TYPE_CHECKING:
    from retquant.quality import Quality


def to_rows(
    inputs: MeasureInputs,
    biomarkers: Biomarkers,
    *,
    quality: Quality,
    artifacts: Mapping[str, bytes],
    seconds: Mapping[str, float],
) -> ImageRows:
    """The rows of one image: values with their standard errors, reasons, vessels, junctions, quality."""
    values = {name: found.value for name, found in biomarkers.items()}
    errors = {
        standard_error_name(name): found.standard_error
        for name, found in biomarkers.items()
        if found.standard_error is not None
    }
    return ImageRows(
        biomarkers={**values, **errors},
        missing={name: found.reason for name, found in biomarkers.items() if found.reason is not None},
        tables={
            "vessels": segment_table(inputs),
            "bifurcations": bifurcation_table(inputs),
            "crossings": crossing_table(inputs),
            "quality": _quality_row(inputs, quality),
        },
        artifacts=artifacts,
        seconds=seconds,
    )


def _quality_row(inputs: MeasureInputs, quality: Quality) -> dict[str, list[object]]:
    scale = inputs.anatomy.scale
    vessel = inputs.segmentation.get("vessel") or inputs.segmentation.get("large_vessel")
    graph = inputs.graphs.get("vessel") or inputs.graphs.get("large_vessel")
    height, width = inputs.fov.shape
    shown, said = infer_eye(inputs.anatomy, inputs.field), inputs.anatomy.eye
    row: dict[str, object] = {
        "grade": quality.grade,
        "gate": "",
        "laterality_inferred": shown,
        "laterality_disagrees": shown != said if shown and said in ("OD", "OS") else None,
        "centring": infer_centring(inputs.anatomy, inputs.field),
        "scale_source": scale.source,
        "um_per_px": scale.um_per_px,
        "magnification_source": scale.magnification_source,
        "vessel_source": vessel.source if vessel else None,
        "vessel_graph": ("artery_vein" if graph.is_united else "mask") if graph is not None else None,
        "width_px": width,
        "height_px": height,
        "notes": "; ".join(quality.notes),
        "picture_digest": None if inputs.photograph is None else picture_digest(inputs.photograph),
        "fingerprint": None if inputs.photograph is None else fingerprint(inputs.photograph, inputs.fov),
    }
    return {name: [value] for name, value in row.items()}
