"""Areas by tiles, against those of all pixels at once."""

from __future__ import annotations

import numpy as np
import pytest

from retquant.anatomy import ETDRS, HALVES, ZONES, Anatomy, Disc, Scale, visible_area
from retquant.anatomy.coverage import as_share
from retquant.biomarkers.extent import Canvas, RegionExtent

SHAPE = (900, 1300)
ROWS, COLUMNS = np.indices(SHAPE)
FIELD = np.hypot(ROWS - 450.0, COLUMNS - 640.0) < 520
LEVELS = np.random.default_rng(7).integers(0, 256, SHAPE, dtype=np.uint8)
SECTORS = ("superior", "nasal", "inferior", "temporal")
PLACES = [
    *((name, None) for name in ("fov", *ZONES, *ETDRS, *HALVES)),
    *((ring, sector) for ring in ("parafovea", "perifovea") for sector in SECTORS),
]


def canvas(disc: tuple[float, float] = (431.3, 905.8)) -> Canvas:
    anatomy = Anatomy(
        disc=Disc(center=disc, radius_px=83.4),
        fovea=(501.7, 540.2),
        scale=Scale(um_per_px=7.0, source="um_per_px"),
        eye="OD",
    )
    return Canvas(anatomy, FIELD)


@pytest.mark.parametrize(("name", "sector"), PLACES)
def test_the_areas_of_a_region_are_those_of_all_its_pixels(name, sector):
    extent = RegionExtent(name, canvas(), sector=sector)
    window, share = extent.region.coverage(SHAPE)
    covered = (as_share(LEVELS[window]).astype(float) * share * FIELD[window]).sum()
    # pixels' shares have single precision
    assert extent.visible_area_px == pytest.approx(visible_area(extent.region, FIELD), rel=1e-6)
    assert extent.covered_area_px("vessel", (), lambda _: LEVELS) == pytest.approx(covered, rel=1e-6)


def test_a_large_half_is_looked_at_along_its_line_alone():
    tiles = RegionExtent("superior_half", canvas()).tiled()
    pixels = sum(share.size for _, share in tiles.edge)
    assert tiles.whole
    assert pixels < 0.7 * FIELD.size


def test_a_region_beyond_the_frame_has_no_area():
    for disc in ((-900.0, 300.0), (400.0, 2500.0)):
        extent = RegionExtent("zone_b", canvas(disc))
        assert extent.visible_area_px == 0.0
        assert extent.visible_share == 0.0
        assert extent.covered_area_px("vessel", (), lambda _: LEVELS) == 0.0
