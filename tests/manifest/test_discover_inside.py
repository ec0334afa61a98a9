"""What a new manifest finds in archives and in DICOM headers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))

from dicom_files import EN_FACE, PLANTED, dicom, flow, fundus, written
from test_archive import pack
from typer.testing import CliRunner

from retquant.cli import app
from retquant.images.archive import member_names
from retquant.images.headers import header_columns
from retquant.manifest import read_manifest
from retquant.manifest.discover import Openers, discover, write_manifest

OPENERS = Openers(members=member_names, columns=header_columns)


def header(**elements: object) -> bytes:
    return written(
        dicom(fundus(), identity=True, Manufacturer="Acme", AcquisitionDate="20240131", **elements)
    )


def test_images_in_archives_are_found_beside_files(tmp_path: Path) -> None:
    shadow = {"__MACOSX/._1_left.jpg": b"", "notes.txt": b"", ".hidden.png": b"", "../2_left.jpg": b""}
    (tmp_path / "year 1").mkdir()
    pack(tmp_path / "year 1" / "a.zip", {"in/1_left.jpg": b"x", "in/1_right.jpg": b"y", **shadow})
    pack(tmp_path / "b.tar.gz", {"./3_left.jpg": b"z"})
    (tmp_path / "4_right.jpg").write_bytes(b"w")
    (tmp_path / "broken.zip").write_bytes(b"none")
    found = discover(tmp_path, pattern="odir", openers=OPENERS)
    assert [row["image"] for row in found.rows] == [
        "4_right.jpg",
        "b.tar.gz::3_left.jpg",
        "year 1/a.zip::in/1_left.jpg",
        "year 1/a.zip::in/1_right.jpg",
    ]
    assert [row.get("eye") for row in found.rows] == ["OD", "OS", "OS", "OD"]
    assert found.unread == ("broken.zip",)
    write_manifest(found, tmp_path / "manifest.csv")
    manifest = read_manifest(tmp_path / "manifest.csv")
    assert manifest.records[2].image == tmp_path.resolve() / "year 1/a.zip::in/1_left.jpg"
    assert [record.participant_id for record in manifest.records] == ["4", "3", "1", "1"]


def test_an_archive_is_its_own_folder_for_a_pattern(tmp_path: Path) -> None:
    pack(tmp_path / "1000001.zip", {"left.png": b"x"})
    found = discover(tmp_path, pattern="{participant_id}/{eye}", openers=OPENERS)
    assert found.rows[0] == {"image": "1000001.zip::left.png", "participant_id": "1000001", "eye": "OS"}


def test_a_link_to_an_archive_elsewhere_is_written_absolutely(tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    pack(tmp_path / "far.zip", {"eye.png": b"x"})
    (tmp_path / "cohort" / "near.zip").symlink_to(tmp_path / "far.zip")
    write_manifest(discover(tmp_path / "cohort", openers=OPENERS), tmp_path / "cohort" / "manifest.csv")
    written_cell = (tmp_path / "cohort" / "manifest.csv").read_text(encoding="utf-8").splitlines()[1]
    assert written_cell == f"{tmp_path}/cohort/near.zip::eye.png"


def test_dicom_headers_tell_eye_device_and_day_and_names_go_first(tmp_path: Path) -> None:
    (tmp_path / "1_left.dcm").write_bytes(header(ImageLaterality="R"))
    (tmp_path / "IM0002").write_bytes(header(ImageLaterality="R"))
    (tmp_path / "1.2.826.77").write_bytes(header(ImageLaterality="L"))
    (tmp_path / "README").write_bytes(b"no picture")
    (tmp_path / "DICOMDIR").write_bytes(header())
    (tmp_path / "broken.dcm").write_bytes(header()[:150])
    pack(tmp_path / "more.zip", {"eye.dcm": header(ImageLaterality="L")})
    found = discover(tmp_path, pattern="odir", openers=OPENERS)
    rows = {row["image"]: (row.get("eye"), row.get("device"), row.get("acquired_at")) for row in found.rows}
    assert rows == {
        "1_left.dcm": ("OS", "Acme", "2024-01-31"),
        "IM0002": ("OD", "Acme", "2024-01-31"),
        "1.2.826.77": ("OS", "Acme", "2024-01-31"),
        "broken.dcm": (None, None, None),
        "more.zip::eye.dcm": ("OS", "Acme", "2024-01-31"),
    }


def test_an_en_face_angiogram_is_told_from_a_photograph(tmp_path: Path) -> None:
    (tmp_path / "1.dcm").write_bytes(written(dicom(flow(), kind=EN_FACE)))
    (tmp_path / "2.dcm").write_bytes(header())
    (tmp_path / "3.png").write_bytes(b"x")
    assert [row.get("modality") for row in discover(tmp_path, openers=OPENERS).rows] == ["octa", "cfp", None]


def test_the_command_writes_what_archives_hold_and_no_identity(tmp_path: Path) -> None:
    (tmp_path / "IM0001").write_bytes(header(ImageLaterality="R"))
    pack(tmp_path / "more.zip", {"eye.dcm": header(ImageLaterality="L")})
    (tmp_path / "broken.tar").write_bytes(b"x" * 2000)
    done = CliRunner().invoke(app, ["manifest", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "broken.tar could not be listed" in done.output
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    assert "more.zip::eye.dcm,OS,cfp,Acme,2024-01-31" in text
    assert not [word for word in PLANTED if word in text + done.output]


def test_without_openers_nothing_is_opened(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"eye.png": b"x"})
    (tmp_path / "b.dcm").write_bytes(header(ImageLaterality="R"))
    assert discover(tmp_path).rows == ({"image": "b.dcm"},)


@pytest.mark.parametrize("name", ["pipe.dcm", "pipe"])
def test_a_pipe_is_not_waited_on(name: str, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / name)
    (tmp_path / "eye.png").write_bytes(b"x")
    assert "eye.png" in [row["image"] for row in discover(tmp_path, openers=OPENERS).rows]
