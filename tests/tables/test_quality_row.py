"""What the `quality` table says of an image's eye and centring."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest

from retquant.anatomy import Anatomy, Disc, Scale
from retquant.biomarkers import MeasureInputs
from retquant.config import VesselSettings
from retquant.images.retinal_image import Field
from retquant.quality import Quality
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.tables.image_rows import to_rows
from retquant.tables.schemas import TABLES
from retquant.vessels import build_graphs
from retquant.vessels.graph import VesselGraph

QUALITY = Quality(measures=MappingProxyType({"score": 0.5}), grade="usable", notes=())


def quality_row(
    anatomy: Anatomy, graphs: Mapping[str, VesselGraph] = MappingProxyType({})
) -> dict[str, object]:
    inputs = MeasureInputs(
        modality="cfp",
        fov=np.ones((100, 100), bool),
        field=Field(center=(50.0, 50.0), diameter_px=100.0),
        segmentation=Segmentation(),
        anatomy=anatomy,
        graphs=graphs,
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


@pytest.mark.parametrize(("unlabelled", "made_of"), [(0, "artery_vein"), (30, "mask")])
def test_the_row_tells_whether_vessels_were_traced_as_arteries_and_veins(unlabelled, made_of):
    masks = {name: np.zeros((100, 100), np.uint8) for name in ("artery", "vein")}
    masks["artery"][30:36, 10:90] = masks["vein"][60:66, 10:90] = 255
    masks["vessel"] = masks["artery"] | masks["vein"]
    masks["vein"][:, 90 - unlabelled :] = 0
    targets = {
        name: TargetMask(probability=mask, source="manifest", is_hard=True) for name, mask in masks.items()
    }
    graphs = build_graphs(targets, fov=np.ones((100, 100), bool), settings=VesselSettings())
    assert quality_row(anatomy("OD"), graphs)["vessel_graph"] == made_of
    assert quality_row(anatomy("OD"))["vessel_graph"] is None
