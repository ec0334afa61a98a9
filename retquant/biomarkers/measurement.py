"""The value of one biomarker in one image, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

REASONS: Mapping[str, str] = {
    "region_out_of_bounds": "too little of the region lies inside the field of view",
    "too_few_vessels": "fewer vessels than the definition needs",
    "no_disc": "the optic disc is not known",
    "no_fovea": "the fovea is not known",
    "no_faz": "the foveal avascular zone was not found",
    "no_laterality": "right or left eye is not known",
    "no_crossing": "no arteriovenous crossing was found",
    "scale_unknown": "micrometres per pixel are not known",
    "scale_assumed": "the scale is assumed from this very anatomy, or the formula needs a nominal one",
    "target_absent": "nobody segmented or supplied this structure",
    "no_photograph": "only masks were given and the measure needs the photograph",
    "resolution_too_low": "too few pixels for the measure",
    "fit_failed": "the fit did not succeed",
    "low_quality": "image quality is below what this measure needs",
    "segmentation_failed": "segmentation failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number with its standard error and sample size, or NaN with a reason."""

    value: float
    standard_error: float | None = None
    n: int | None = None  # segments, junctions or boxes that entered
    reason: str | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.value) != (self.reason is not None):
            raise ValueError(f"value {self.value} and reason {self.reason!r} contradict each other")
        if self.reason is not None and self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is not among the reasons")


def missing(reason: str) -> Measurement:
    """A value that does not exist, and why."""
    return Measurement(value=math.nan, reason=reason)


Biomarkers = Mapping[str, Measurement]
"""Column name -> measurement, for one image."""
