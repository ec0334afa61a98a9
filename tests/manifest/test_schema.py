"""The published schema of a manifest says what the reader does."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from retquant.biomarkers.grammar import LESIONS
from retquant.errors import ManifestError
from retquant.manifest import read_manifest
from retquant.manifest.columns import COLUMNS, TARGETS, reserved
from retquant.manifest.row_schema import manifest_schema

PUBLISHED = Path(__file__).resolve().parents[2] / "schemas" / "manifest.json"


def test_the_published_schema_is_what_the_columns_say() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == manifest_schema(), (
        "schemas/manifest.json differs from retquant.manifest.columns: write manifest_schema() there as JSON"
    )


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(manifest_schema())


def test_every_lesion_that_columns_name_may_come_as_a_mask() -> None:
    assert set(LESIONS) <= set(TARGETS)


@pytest.mark.parametrize(
    "name",
    ["slab_2", "slab_10", "slab_1_name", "slab_3_name", "faz_mask", "fov_mask", *[c.name for c in COLUMNS]],
)
def test_names_of_the_schema_are_reserved(name: str) -> None:
    assert reserved(name)


@pytest.mark.parametrize("name", ["slab_0", "slab_1", "slab_01", "slab_x", "mask", "age", "image2"])
def test_other_names_are_not(name: str) -> None:
    assert reserved(name) is None


@pytest.mark.parametrize(
    "row",
    [
        {"image": "a.png"},
        {
            "image": "a.png",
            "eye": "right",
            "modality": "OCTA",
            "acquired_at": "2024-01-31T10:00",
            "age": 5,
            "sick": True,
        },
        {"image": "a.png", "eye": "both"},
        {"image": "a.png", "eye": "R", "um_per_px": 0},
        {"image": "a.png", "axial_length_mm": 41},
        {"image": "a.png", "fovea_x": 5},
        {"image": "a.png", "image_id": ".x"},
        {"image": "a.png", "image_id": "a/b"},
        {"image": "a.png", "modality": "slo"},
        {"image": "a.png", "acquired_at": "31.1.2024"},
        {"eye": "OD"},
    ],
)
def test_reader_and_schema_agree_about_a_row(tmp_path: Path, row: dict[str, object]) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    is_valid = jsonschema.Draft202012Validator(manifest_schema()).is_valid(row)
    try:
        read_manifest(path)
    except ManifestError:
        assert not is_valid
    else:
        assert is_valid
