"""What is known of an image on its way: read, then segmented and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retquant.anatomy import Anatomy
from retquant.biomarkers import Biomarkers, MeasureInputs
from retquant.images import RetinalImage
from retquant.manifest.records import ImageRecord
from retquant.quality import Quality
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import VesselGraph


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """What is known of one picture: a photograph, an angiogram, or another slab of it."""

    segmentation: Segmentation
    anatomy: Anatomy
    graphs: Mapping[str, VesselGraph]
    inputs: MeasureInputs  # what the biomarkers were measured from
    biomarkers: Biomarkers


@dataclass(frozen=True, eq=False, kw_only=True)
class Analysis(Picture):
    """Everything that is known of one image; of an angiogram all but `biomarkers` is of slab 1."""

    record: ImageRecord
    image: RetinalImage
    quality: Quality
    seconds: Mapping[str, float]  # stage -> wall time


@dataclass(frozen=True, eq=False, kw_only=True)
class Opened:
    """An image that was read and judged, and is not segmented yet."""

    record: ImageRecord
    image: RetinalImage
    given: Mapping[str, TargetMask]  # masks that the manifest brings
    quality: Quality
    seconds: Mapping[str, float]  # stage -> wall time
