"""From measures to a score and a grade; stored with every image, and gating nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from retquant.images.retinal_image import RetinalImage
from retquant.quality.measures import clipped_fraction, illumination_uniformity, reduce_field, sharpness

# (worthless, faultless) of each measure. Sharp photographs of six cameras read 0.43 to 0.88 and their copies blurred by
# 0.6 % of the field 0.14 to 0.24; pictures stored at 256 px across read 0.26 to 0.46. Even fields read 0.47 and more.
SHARPNESS_RANGE = (0.15, 0.40)
UNIFORMITY_RANGE = (0.10, 0.40)
CLIPPED_RANGE = (0.25, 0.02)
GOOD, USABLE = 0.6, 0.2  # least score of each grade

_FAULTS = {"sharpness": "blurred", "illumination_uniformity": "unevenly lit", "clipped_fraction": "black or saturated in part"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good an image is, before anything was segmented in it."""

    measures: Mapping[str, float]  # name without `quality_` -> value
    grade: str  # "good", "usable" or "reject"
    notes: tuple[str, ...] = ()  # what costs it its grade

    @property
    def score(self) -> float:
        """0 (useless) to 1 (without fault): an image is as good as its worst measure."""
        return self.measures["score"]


def assess(image: RetinalImage) -> Quality:
    """Measure and grade one image; an image without fault scores 1."""
    field = reduce_field(image.pixels, image.fov)
    measures = {
        "fov_fraction": float(image.fov.mean()),
        "illumination_uniformity": illumination_uniformity(field),
        "clipped_fraction": clipped_fraction(field),
        "sharpness": sharpness(field),
    }
    merits = {
        "sharpness": _merit(measures["sharpness"], *SHARPNESS_RANGE),
        "illumination_uniformity": _merit(measures["illumination_uniformity"], *UNIFORMITY_RANGE),
        "clipped_fraction": _merit(measures["clipped_fraction"], *CLIPPED_RANGE),
    }
    measures["score"] = min(merits.values())
    grade = "good" if measures["score"] >= GOOD else "usable" if measures["score"] >= USABLE else "reject"
    notes = tuple(_FAULTS[name] for name, merit in merits.items() if merit < GOOD)
    return Quality(measures=MappingProxyType(measures), grade=grade, notes=notes)


def _merit(value: float, worthless: float, faultless: float) -> float:
    return min(1.0, max(0.0, (value - worthless) / (faultless - worthless)))
