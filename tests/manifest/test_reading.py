"""Manifests that are right, in every form that people's programs write them."""

from __future__ import annotations

import datetime
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from retquant.errors import ManifestError
from retquant.manifest import Manifest, read_manifest

TEXT = "image,participant_id,eye,age,sex\nimages/1_left.jpg,007,OS,61,f\nimages/1_right.jpg,007,OD,61,f\n"


def write(folder: Path, text: str | bytes, name: str = "cohort.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes, name: str = "cohort.csv") -> Manifest:
    return read_manifest(write(folder, text, name))


def column(manifest: Manifest, name: str) -> list[object]:
    return manifest.participants[name].to_pylist()


def test_a_row_becomes_a_record_with_all_that_measuring_reads(tmp_path: Path) -> None:
    text = (
        "image,image_id,participant_id,eye,modality,visit,acquired_at,device,site,um_per_px,fov_mm,fov_deg,axial_length_mm,"
        "spherical_equivalent_d,corneal_radius_mm,fovea_x,fovea_y,vessel_mask,av_mask,slab_2,slab_1_name,slab_2_name,sick\n"
        "a.png,first,01,R,OCTA,02,20240131,CR-1,Leeds,10.5,3,45,23.5,-1.25,7.8,120,130.5,m/v.png,m/av.png,b.png,svc,dvc,yes\n"
    )
    manifest = read(tmp_path, text)
    (record,) = manifest.records
    assert (record.image_id, record.row, record.participant_id, record.eye) == ("first", 2, "01", "OD")
    assert (record.modality, record.visit, record.acquired_at) == ("octa", "02", "2024-01-31")
    assert (record.device, record.site) == ("CR-1", "Leeds")
    assert (record.um_per_px, record.fov_mm, record.fov_deg) == (10.5, 3.0, 45.0)
    assert (record.axial_length_mm, record.spherical_equivalent_d, record.corneal_radius_mm) == (
        23.5,
        -1.25,
        7.8,
    )
    assert record.fovea_xy == (120.0, 130.5)
    here = tmp_path.resolve()
    assert record.masks == {"vessel": here / "m" / "v.png", "av": here / "m" / "av.png"}
    assert record.slabs == (here / "b.png",)
    assert record.slab_names == ("svc", "dvc")
    assert record.image == here / "a.png"
    assert manifest.covariates == ("sick",)


def test_only_the_image_is_needed(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image\na.png\n")
    assert manifest.records[0].image_id == "a"
    assert manifest.records[0].modality == "cfp"
    assert manifest.participants.column_names == ["image_id"]
    assert manifest.notes == ()


@pytest.mark.parametrize(
    "encoded",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        b"sep=;\r\n" + TEXT.replace(",", ";").replace("\n", "\r\n").encode(),
        TEXT.replace("image,", " Image ,")
        .replace("participant_id", "Participant ID")
        .replace("/", "\\")
        .encode(),
        TEXT.removesuffix("\n").encode(),
        b"\n" + TEXT.replace("\n", "\n\n").encode(),
    ],
    ids=[
        "utf8",
        "bom",
        "utf16",
        "crlf",
        "cr",
        "semicolon",
        "tab",
        "excel",
        "spelling",
        "no_end",
        "blank_lines",
    ],
)
def test_the_same_table_is_read_whatever_wrote_it(tmp_path: Path, encoded: bytes) -> None:
    manifest = read(tmp_path, encoded)
    assert [record.image_id for record in manifest.records] == ["1_left", "1_right"]
    assert [record.image for record in manifest.records] == [
        tmp_path.resolve() / "images" / name for name in ("1_left.jpg", "1_right.jpg")
    ]
    assert [record.eye for record in manifest.records] == ["OS", "OD"]
    assert manifest.participants.to_pydict() == {
        "image_id": ["1_left", "1_right"],
        "participant_id": ["007", "007"],
        "eye": ["OS", "OD"],
        "age": [61, 61],
        "sex": ["f", "f"],
    }


def test_windows_1252_is_read_and_said(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image,site\na.png,Münster\n".encode("cp1252"))
    assert manifest.records[0].site == "Münster"
    assert "Windows-1252" in manifest.notes[0]


@pytest.mark.parametrize(
    ("written", "eye"),
    [
        ("OD", "OD"),
        ("od", "OD"),
        ("R", "OD"),
        ("Right", "OD"),
        ("re", "OD"),
        ("OS", "OS"),
        ("l", "OS"),
        ("LEFT", "OS"),
        ("LE", "OS"),
        ("NA", None),
    ],
)
def test_eyes_are_understood_in_every_usual_spelling(tmp_path: Path, written: str, eye: str | None) -> None:
    assert read(tmp_path, f"image,eye\na.png, {written}\n").records[0].eye == eye


def test_labels_are_typed_where_every_value_is_clean(tmp_path: Path) -> None:
    text = (
        "image,age,bmi,sick,seen,at,code,grade,long,answer,mixed,nothing\n"
        "a.png,61,22.5,TRUE,2020-02-03,2020-02-03 10:30,007,1e3,12345678901234567890,yes,1,\n"
        "b.png,NA,.5,false,,2020-02-04T11:30:05,12,-2.5,1,no,x,null\n"
    )
    table = read(tmp_path, text).participants
    assert {name: str(table.schema.field(name).type) for name in table.column_names[1:]} == {
        "age": "int64",
        "bmi": "double",
        "sick": "bool",
        "seen": "date32[day]",
        "at": "timestamp[us]",
        "code": "string",
        "grade": "double",
        "long": "string",
        "answer": "string",
        "mixed": "string",
        "nothing": "string",
    }
    assert table["age"].to_pylist() == [61, None]
    assert table["sick"].to_pylist() == [True, False]
    assert table["seen"].to_pylist() == [datetime.date(2020, 2, 3), None]
    assert table["code"].to_pylist() == ["007", "12"]
    assert table["nothing"].to_pylist() == [None, None]


@pytest.mark.parametrize("cell", ["", "NA", "N/A", "nan", "null", "None", "  "])
def test_cells_that_say_nothing_are_missing(tmp_path: Path, cell: str) -> None:
    manifest = read(
        tmp_path,
        f"image,participant_id,eye,fov_mm,smokes\na.png,{cell},{cell},{cell},{cell}\nb.png,1,R,3,2\n",
    )
    first = manifest.records[0]
    assert (first.participant_id, first.eye, first.fov_mm) == (None, None, None)
    assert column(manifest, "smokes") == [None, 2]


def test_an_answer_none_is_an_answer(tmp_path: Path) -> None:
    assert column(read(tmp_path, "image,smokes\na.png,none\nb.png,some\n"), "smokes") == ["none", "some"]


def test_an_impossible_date_stays_text(tmp_path: Path) -> None:
    assert column(read(tmp_path, "image,seen\na.png,2020-02-30\n"), "seen") == ["2020-02-30"]


def test_identifiers_stay_text_whatever_they_look_like(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image,participant_id,visit,site,device\na.png,0012,1,02,1.0\n")
    assert manifest.participants.slice(0, 1).to_pylist() == [
        {"image_id": "a", "participant_id": "0012", "visit": "1", "device": "1.0", "site": "02"}
    ]


def test_measurements_of_the_eye_are_covariates_as_well(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image,axial_length_mm\na.png,24\nb.png,\n")
    assert column(manifest, "axial_length_mm") == [24.0, None]


def test_decimal_commas_are_read_in_a_table_of_semicolons_and_said(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image;fov_mm;bmi\na.png;3,5;22,25\nb.png;;23\n")
    assert manifest.records[0].fov_mm == 3.5
    assert column(manifest, "bmi") == [22.25, 23.0]
    assert "decimal commas" in manifest.notes[0]


def test_quoted_cells_hold_separators_and_line_breaks(tmp_path: Path) -> None:
    manifest = read(tmp_path, 'image,keywords\na.png,"mild, ""old""\nscar"\nb.png,x\n')
    assert column(manifest, "keywords") == ['mild, "old"\nscar', "x"]


def test_what_a_data_frame_or_a_spreadsheet_adds_is_left_out_and_said(tmp_path: Path) -> None:
    manifest = read(tmp_path, ",image,age,\n0,a.png,1,\n1,b.png,2,\n2,,,\n")
    assert [record.image_id for record in manifest.records] == ["a", "b"]
    assert manifest.covariates == ("age",)
    assert "only counts the rows" in manifest.notes[0]


def test_rows_are_lines_of_the_file(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image\n\na.png\n\n\nb.png\n")
    assert [record.row for record in manifest.records] == [3, 6]


def test_rows_without_any_value_are_left_out_and_said(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image,age\na.png,1\n,\n,NA\nb.png,2\n")
    assert [record.row for record in manifest.records] == [2, 5]
    assert "2 rows" in manifest.notes[0]


def test_parquet_keeps_the_types_of_labels_and_makes_ids_text(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "image": ["a.png", "b.png"],
            "participant_id": [7.0, None],
            "eye": pd.Categorical(["R", "L"]),
            "acquired_at": pd.to_datetime(["2020-01-02 00:00:00", "2021-03-04 05:06:07"]),
            "fov_mm": [3.0, None],
            "age": pd.array([61, None], dtype="Int32"),
            "bmi": [22.5, float("nan")],
            "code": ["1", "2"],
            "sex": pd.Categorical(["f", "m"]),
        }
    )
    path = tmp_path / "cohort.parquet"
    frame.to_parquet(path)
    manifest = read_manifest(path)
    first, second = manifest.records
    assert (first.participant_id, first.eye, first.fov_mm, first.row) == ("7", "OD", 3.0, 2)
    assert (second.participant_id, second.eye, second.fov_mm) == (None, "OS", None)
    assert second.acquired_at == "2021-03-04T05:06:07"
    assert manifest.participants.schema.field("age").type == pa.int32()
    assert column(manifest, "bmi") == [22.5, None]
    assert column(manifest, "code") == ["1", "2"]
    assert column(manifest, "sex") == ["f", "m"]


def test_a_csv_and_a_parquet_of_one_table_agree(tmp_path: Path) -> None:
    from_csv = read(tmp_path, TEXT)
    pd.read_csv(tmp_path / "cohort.csv", dtype={"participant_id": str}).to_parquet(
        tmp_path / "cohort.parquet"
    )
    from_parquet = read_manifest(tmp_path / "cohort.parquet")
    assert from_csv.records == from_parquet.records
    assert from_csv.participants.equals(from_parquet.participants)


def test_a_manifest_travels_to_other_processes(tmp_path: Path) -> None:
    manifest = read(tmp_path, TEXT)
    arrived = pickle.loads(pickle.dumps(manifest))
    assert arrived.records == manifest.records
    assert arrived.participants.equals(manifest.participants)


def test_importing_the_manifest_loads_no_heavy_library() -> None:
    code = "import sys, retquant.manifest; print(sorted({'pandas', 'pyarrow', 'numpy'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


def test_the_participants_are_what_the_tables_write(tmp_path: Path) -> None:
    from retquant.tables.participants import write_participants

    write_participants(tmp_path / "out", read(tmp_path, TEXT).participants, facts={})
    table = pd.read_parquet(tmp_path / "out" / "participants")
    assert list(table.columns[:3]) == ["image_id", "participant_id", "eye"]


def test_a_missing_file_is_no_fault_of_the_manifest(tmp_path: Path) -> None:
    assert not read(tmp_path, "image,vessel_mask\nnowhere.png,nothing.png\n").records[0].image.exists()


def test_many_rows_are_read_in_time_that_grows_no_faster_than_they(tmp_path: Path) -> None:
    lines = [f"images/{n // 2}_{'lr'[n % 2]}.png,{n // 2:07d},{'LR'[n % 2]},{n % 60}" for n in range(50_000)]
    manifest = read(tmp_path, "image,participant_id,eye,age\n" + "\n".join(lines))
    assert len({record.image_id for record in manifest.records}) == 50_000
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, "image,eye\n" + "\n".join(f"{n}.png,X" for n in range(20_000)))
    assert len(caught.value.faults) == 20_000
    assert len(str(caught.value).splitlines()) < 30


def test_identifiers_with_commas_are_no_numbers(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image;participant_id;bmi\na.png;1,5;2,5\n")
    assert manifest.records[0].participant_id == "1,5"
    assert column(manifest, "bmi") == [2.5]
