"""What is known of a picture's quality before anything is segmented in it. Nothing is gated here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Quality:
    """Measures, a grade and what was noticed."""

    # fov_fraction, illumination_uniformity, clipped_fraction, sharpness, score
    measures: Mapping[str, float]
    grade: str  # "good", "usable" or "reject"
    notes: tuple[str, ...]  # a sentence for each aspect that lowers the score by half or more
