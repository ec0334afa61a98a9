"""No cell of a CSV file that retquant writes is a formula, and numbers stay numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from retquant.association.export.formats import _csv
from retquant.cli.quantify import quantify
from retquant.compatibility import write_table
from retquant.manifest.formulas import neutral, neutral_table

FORMULAS = (
    "=1+1",
    "+SUM(A1)",
    "-2+3",
    "@SUM(A1)",
    "=cmd|'/C calc'!A0",
    "\t=1",
    " =1",
    "＝1",
    "-",
    "+1-1",
    "=",
)
HARMLESS = ("", "eye", "7", "-1.5", "+3e5", "-.5", "a=b", "'x", "1-2", "é@x")


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_marked_as_text(text: str) -> None:
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["a\r=1", "a\n=1", "a\r\n=1"])
def test_no_line_break_within_a_cell_lets_the_next_row_begin_with_a_formula(text: str) -> None:
    assert neutral(text) == "a =1"
    assert neutral(text[1:]) == "' =1"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_and_numbers_stay_as_they_are(text: str) -> None:
    assert neutral(text) == text


def cells_of(text: str) -> list[str]:
    return [cell for row in csv.reader(text.splitlines(keepends=True)) for cell in row]


def is_safe(cell: str) -> bool:
    return neutral(cell) == cell


@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_a_table_is_safe_in_its_cells_its_index_and_its_names(kind: str) -> None:
    words = pd.Series(list(FORMULAS)).astype(kind)
    table = pd.DataFrame({"@label": words.values, "number": -1.5}, index=list(FORMULAS))
    found = neutral_table(table)
    assert all(map(is_safe, cells_of(found.to_csv())))
    assert (found["number"] == -1.5).all()
    assert list(table.columns) == ["@label", "number"]  # the given one is as it was


def test_missing_cells_stay_missing() -> None:
    table = pd.DataFrame({"label": ["=1", None, pd.NA]})
    assert neutral_table(table)["label"].isna().tolist() == [False, True, True]


def test_a_converted_table_as_csv_is_safe_and_as_parquet_untouched(tmp_path: Path) -> None:
    table = pa.table({"image_id": list(FORMULAS), "x": [-1.0] * len(FORMULAS)})
    write_table(table, tmp_path / "t.csv")
    write_table(table, tmp_path / "t.parquet")
    assert all(map(is_safe, cells_of((tmp_path / "t.csv").read_text(encoding="utf-8"))))
    assert pd.read_parquet(tmp_path / "t.parquet")["image_id"].tolist() == list(FORMULAS)


def test_an_export_of_people_is_safe() -> None:
    people = pd.DataFrame({"participant_id": list(FORMULAS), "site": "=HYPERLINK()", "age": -4.0})
    assert all(map(is_safe, cells_of(_csv(people))))


def test_measuring_files_of_hostile_names_writes_a_safe_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pd.DataFrame(
        {"vessel_area_density_fov": [0.1]}, index=pd.Index(["=cmd|' /C calc'!A0.png"], name="image")
    )
    found.attrs["units"] = {"vessel_area_density_fov": "1"}
    monkeypatch.setattr("retquant.pipeline.quantify", lambda *images, **options: found)
    quantify([tmp_path / "=cmd.png"], csv=tmp_path / "out.csv")
    assert all(map(is_safe, cells_of((tmp_path / "out.csv").read_text(encoding="utf-8"))))
