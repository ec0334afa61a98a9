"""What the `quality` table says of an image's eye and centring."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Disc, Scale
from retquant.biomarkers import MeasureInputs
from retquant.images.retinal_image import Field
from retquant.quality import Quality
from retquant.segmentation.segmentation import Segmentation
from retquant.tables.image_rows import to_rows
from retquant.tables.schemas import TABLES

QUALITY = Quality(measures=MappingProxyType({"score": 0.5}), grade="usable", notes=())


def quality_row(anatomy: Anatomy) -> dict[str, object]:
    inputs = MeasureInputs(
        modality="cfp",
        fov=np.ones((100, 100), bool),
        field=Field(center=(50.0, 50.0), diameter_px=100.0),
        segmentation=Segmentation(),
        anatomy=anatomy,
        graphs={},
    )
    table = to_rows(inputs, {}, quality=QUALITY, artifacts={}, seconds={}).tables["quality"]
    assert set(table) <= {column.name for column in TABLES["quality"]}
    return {name: values[0] for name, values in table.items()}


def anatomy(eye: str | None, *, disc: tuple[float, float] | None = (48.0, 85.0)) -> Anatomy:
    return Anatomy(
        disc=Disc(center=disc, radius_px=7.0) if disc else None,
        fovea=(50.0, 48.0) if disc else None,
        scale=Scale(um_per_px=None, source="unknown"),
        eye=eye,
    )


@pytest.mark.parametrize(("eye", "disagrees"), [("OD", False), ("OS", True), (None, None)])
def test_the_picture_is_held_against_the_manifests_eye(eye, disagrees):
    row = quality_row(anatomy(eye))
    assert (row["laterality_inferred"], row["laterality_disagrees"]) == ("OD", disagrees)
    assert row["centring"] == "macula"


def test_where_nothing_is_known_nothing_is_said():
    row = quality_row(anatomy("OD", disc=None))
    assert (row["laterality_inferred"], row["laterality_disagrees"], row["centring"]) == (None, None, None)
