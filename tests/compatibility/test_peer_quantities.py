"""The comparison with other programs asks for columns that exist and for answers that the shapes have."""

from __future__ import annotations

import pytest

from benchmarks.peer_quantities import QUANTITIES, ROTATIONS, SHAPES, cases, summary
from retquant.biomarkers import BIOMARKERS

OURS = {name: 1.0 for name, column in BIOMARKERS.items() if "cfp" in column.modalities}
DRAWN = {title: make() for title, make in SHAPES.items()}


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_is_a_column_of_ours(quantity: str) -> None:
    for structure in ("artery", "vein"):
        assert QUANTITIES[quantity].readers["retquant"](OURS, structure) is not None


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_has_an_answer_on_a_shape(quantity: str) -> None:
    truths = [
        QUANTITIES[quantity].truth_of(shape, structure)
        for shape in DRAWN.values()
        for structure in shape.tubes
    ]
    assert any(truth is not None for truth in truths)


def test_a_vein_is_asked_for_its_own_calibre() -> None:
    about = QUANTITIES["calibre"]
    assert about.truth_of(DRAWN["spokes"], "artery") == 80.0
    assert about.truth_of(DRAWN["spokes"], "vein") == 120.0


def test_errors_drift_and_unanswered_questions_are_told_apart() -> None:
    values = [{"artery_calibre_median_fov": 80.0 * share} for share in (1.0, 1.01, 0.98)] + [{}]
    results = [
        {"name": f"straight artery {angle:g}", "values": found}
        for angle, found in zip(ROTATIONS, values, strict=True)
    ]
    row = summary("retquant", [{"um_per_px": 5.0}] * 4, results)["calibre"]
    assert (row["asked"], row["answered"]) == (4, 3)
    assert row["median"] == pytest.approx(0.01)
    assert row["worst"] == pytest.approx(0.02)
    assert row["worst_at"] == "straight artery 60"
    assert row["drift"] == pytest.approx(0.03)


def test_shapes_that_were_not_run_are_not_asked() -> None:
    assert not list(cases("retquant", QUANTITIES["calibre"], {}))
