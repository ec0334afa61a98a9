"""Whatever disc, cup, fovea and scale are given, every column that rests on them is a number or a reason."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retquant.anatomy import infer_centring, infer_eye, locate
from retquant.biomarkers import BIOMARKERS, MeasureInputs, measure
from retquant.images.retinal_image import Field
from retquant.manifest.records import ImageRecord
from retquant.segmentation.segmentation import Segmentation, TargetMask

COLUMNS = [
    *("disc_*", "cup_*", "cdr_*", "rim_*", "peripapillary_*", "quality_*_visible"),
    *("artery_area_density_*", "artery_length_density_*", "artery_arcade_angle"),
]
SIZE = (48, 60)
SHARED = {"disc", "cup", "artery", "peripapillary_atrophy"}


@st.composite
def masks(draw: st.DrawFn) -> TargetMask:
    """A few rectangles of any coverage, often touching the frame; sometimes noise, all or nothing."""
    kind = draw(st.sampled_from(["boxes", "boxes", "boxes", "noise", "empty", "full", "point", "line"]))
    image = np.zeros(SIZE, np.uint8)
    if kind == "boxes":
        for _ in range(draw(st.integers(1, 3))):
            top, left = draw(st.integers(0, SIZE[0] - 1)), draw(st.integers(0, SIZE[1] - 1))
            high, wide = draw(st.integers(1, 40)), draw(st.integers(1, 40))
            image[top : top + high, left : left + wide] = draw(st.sampled_from([60, 127, 128, 200, 255, 255]))
    elif kind == "noise":
        image = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, SIZE).astype(np.uint8)
    elif kind == "full":
        image[:] = 255
    elif kind == "point":
        image[draw(st.integers(0, SIZE[0] - 1)), draw(st.integers(0, SIZE[1] - 1))] = 255
    elif kind == "line":
        image[draw(st.integers(0, SIZE[0] - 1))] = 255
    is_hard = draw(st.booleans())
    return TargetMask(
        probability=np.where(image >= 128, 255, 0).astype(np.uint8) if is_hard else image,
        source="manifest",
        is_hard=is_hard,
    )


FIELDS = (
    np.ones(SIZE, bool),
    np.hypot(*(np.indices(SIZE) - np.array([24, 30])[:, None, None])) < 22,
    np.indices(SIZE)[1] > 55,
    np.zeros(SIZE, bool),
)


@settings(max_examples=60, deadline=None)
@given(
    targets=st.dictionaries(st.sampled_from(sorted(SHARED)), masks()),
    fov=st.sampled_from(FIELDS),
    fovea=st.one_of(st.none(), st.tuples(st.floats(-20, 90), st.floats(-20, 90)), st.just((30.0, 24.0))),
    eye=st.sampled_from(["OD", "OS", None]),
    um_per_px=st.sampled_from([None, 10.0, 60.0, 500.0]),
)
def test_every_column_is_a_number_or_a_reason(targets, fov, fovea, eye, um_per_px):
    field = Field(center=(24.0, 30.0), diameter_px=60.0)
    record = ImageRecord(
        image_id="a", image=Path("a.png"), row=2, eye=eye, fovea_xy=fovea, um_per_px=um_per_px
    )
    segmentation = Segmentation(targets=targets)
    anatomy = locate(segmentation, record, field=field, fov=fov)
    inputs = MeasureInputs(
        modality="cfp", fov=fov, field=field, segmentation=segmentation, anatomy=anatomy, graphs={}
    )
    for name, found in measure(inputs, COLUMNS).items():
        assert math.isfinite(found.value) != bool(found.reason), name
        if found.reason is None and BIOMARKERS[name].unit == "1" and "clock" not in name:
            assert -1e-9 <= found.value <= (1 + 1e-6 if "atrophy" not in name else math.inf), name
    assert infer_eye(anatomy, field) in ("OD", "OS", None)
    assert infer_centring(anatomy, field) in ("macula", "disc", "other", None)
