"""`load_biomarkers`: tidy tables, and the ways of making one row of a person's eyes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retquant.errors import OutputError
from retquant.tables import ImageRows, load_biomarkers
from retquant.tables.participants import write_participants
from retquant.tables.schemas import table_schemas
from retquant.tables.writer import ChunkTables, write_schema_parts


def column(name: str, direction: str, unit: str = "1") -> SimpleNamespace:
    return SimpleNamespace(
        name=name,
        unit=unit,
        definition=f"{name}.",
        definition_id=name,
        version=1,
        reference="None2000",
        direction=direction,
        modalities=("cfp",),
        derived_from=None,
        has_standard_error=False,
    )


COLUMNS = (
    column("density", "higher_is_better"),
    column("tortuosity", "higher_is_worse"),
    column("angle", "neither", unit="deg"),
)

PEOPLE = {
    "image_id": ["a-od", "a-os", "a-os2", "b-od", "c-os"],
    "participant_id": ["a", "a", "a", "b", "c"],
    "eye": ["OD", "OS", "OS", "OD", "OS"],
    "age": [60, 60, 60, 70, 80],
    "grade": [1, 2, 2, 0, 3],
}
DENSITY = [0.10, 0.20, 0.40, 0.5, 0.6]
TORTUOSITY = [1.0, 3.0, 5.0, np.nan, 2.0]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    schemas = table_schemas(COLUMNS)
    write_schema_parts(tmp_path, schemas, facts={})
    write_participants(tmp_path, pa.table(PEOPLE), facts={})
    tables = ChunkTables(schemas=schemas)
    for image, density, tortuosity in zip(PEOPLE["image_id"], DENSITY, TORTUOSITY, strict=True):
        missing = {"tortuosity": "too_few_vessels"} if np.isnan(tortuosity) else {}
        values = {"density": density, "tortuosity": tortuosity, "angle": 80.0}
        tables.add(image, "key", ImageRows(biomarkers=values, missing=missing))
    tables.write(tmp_path, chunk="0123456789abcdef", facts={})
    return tmp_path


def test_ids_and_labels_come_first_and_units_are_in_the_attributes(run: Path) -> None:
    table = load_biomarkers(run)
    assert list(table.columns) == [*PEOPLE, "density", "tortuosity", "angle"]
    assert table.attrs["units"] == {"density": "1", "tortuosity": "1", "angle": "deg"}
    assert table["age"].dtype == np.int64
    assert table.set_index("image_id").loc["b-od", "tortuosity"] is not None
    assert np.isnan(table.set_index("image_id").loc["b-od", "tortuosity"])


def test_chosen_columns_only_are_loaded(run: Path) -> None:
    assert list(load_biomarkers(run, ["angle"]).columns) == [*PEOPLE, "angle"]


def test_the_mean_of_the_eyes_does_not_count_an_eye_with_two_images_twice(run: Path) -> None:
    table = load_biomarkers(run, eyes="mean").set_index("participant_id")
    assert len(table) == 3
    assert table.loc["a", "density"] == pytest.approx((0.10 + (0.20 + 0.40) / 2) / 2, abs=1e-6)
    assert (table.loc["a", "n_eyes"], table.loc["a", "n_images"]) == (2, 3)
    assert np.isnan(table.loc["b", "tortuosity"])


def test_the_worse_eye_is_the_low_or_the_high_one_by_the_biomarkers_direction(run: Path) -> None:
    table = load_biomarkers(run, eyes="worse")
    a = table.set_index("participant_id").loc["a"]
    assert a["density"] == pytest.approx(0.10)
    assert a["tortuosity"] == pytest.approx(4.0)
    assert "angle" not in table
    assert table.attrs["without_direction"] == ["angle"]


def test_the_right_eye_leaves_out_people_without_one(run: Path) -> None:
    table = load_biomarkers(run, eyes="right").set_index("participant_id")
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", "density"] == pytest.approx(0.10)


def test_the_random_eye_is_one_eye_and_always_the_same(run: Path) -> None:
    tables = [load_biomarkers(run, eyes="random").set_index("participant_id") for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)
    assert set(tables[0]["n_eyes"]) == {1}
    assert tables[0].loc["a", "density"] in (pytest.approx(0.10), pytest.approx(0.30))


def test_a_label_that_differs_between_a_persons_eyes_is_not_given_to_the_person(run: Path) -> None:
    table = load_biomarkers(run, eyes="mean").set_index("participant_id")
    assert np.isnan(table.loc["a", "grade"])
    assert table.loc["c", "grade"] == 3
    assert table["age"].tolist() == [60, 70, 80]


def test_labels_join_by_participant_from_a_csv(run: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("participant_id,stroke\na,1\nb,0\n")
    table = load_biomarkers(run, join=labels).set_index("image_id")
    assert table.loc["a-os2", "stroke"] == 1
    assert np.isnan(table.loc["c-os", "stroke"])


def test_labels_without_an_id_are_refused(run: Path) -> None:
    with pytest.raises(OutputError, match="neither image_id nor participant_id"):
        load_biomarkers(run, join=pd.DataFrame({"stroke": [1]}))


def test_a_rule_that_needs_eyes_says_how_many_have_none(run: Path) -> None:
    write_participants(run, pa.table(PEOPLE | {"eye": ["OD", None, "OS", "OD", None]}), facts={})
    with pytest.raises(OutputError, match="2 of 5 images"):
        load_biomarkers(run, eyes="mean")


def test_an_unknown_column_and_an_empty_folder_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="densty"):
        load_biomarkers(run, ["densty"])
    with pytest.raises(OutputError, match="no run"):
        load_biomarkers(tmp_path / "nowhere")


def test_rows_follow_the_participants_and_go_by_their_ids(run: Path) -> None:
    people = pa.table(PEOPLE)
    write_participants(run, people.take([4, 0, 3]), facts={})  # others are in the manifest no longer
    table = load_biomarkers(run, ["density"])
    assert table["image_id"].tolist() == ["c-os", "a-od", "b-od"]
    assert table["density"].tolist() == pytest.approx([0.6, 0.10, 0.5])


@pytest.mark.parametrize("table", ["participants", "biomarkers"])
def test_an_image_that_stands_twice_is_refused(run: Path, table: str) -> None:
    (part,) = [path for path in (run / table).iterdir() if path.name != "part-0.parquet"] or [
        run / table / "part-0.parquet"
    ]
    (run / table / "part-again.parquet").write_bytes(part.read_bytes())
    with pytest.raises(OutputError, match=f"'{table}' has an image twice"):
        load_biomarkers(run)
