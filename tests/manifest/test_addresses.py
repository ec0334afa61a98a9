"""Addresses in a manifest: what may stand there, and that they stay what was written on their way to a worker."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from retquant.errors import ManifestError
from retquant.manifest import Manifest, read_manifest
from retquant.manifest.addresses import Address


def read(folder: Path, *cells: str, **options: object) -> Manifest:
    (folder / "cohort.csv").write_text("image\n" + "".join(f"{cell}\n" for cell in cells), encoding="utf-8")
    return read_manifest(folder / "cohort.csv", **options)  # type: ignore[arg-type]


def test_an_address_stays_what_was_written(tmp_path: Path) -> None:
    cells = (
        "https://host.org:8080/a/left 1.png",
        "s3://bucket/b.dcm",
        "gs://bucket/x/c.tif",
        "http://host/d",
    )
    records = read(tmp_path, *cells).records
    assert [str(record.image) for record in records] == list(cells)
    again = pickle.loads(pickle.dumps(records))
    assert [str(record.image) for record in again] == list(cells)
    assert all(isinstance(record.image, Address) for record in again)
    assert [record.image.scheme for record in again] == ["https", "s3", "gs", "http"]  # type: ignore[attr-defined]
    assert [record.image_id for record in records] == ["left 1", "b", "c", "d"]
    assert records[1].image.suffix == ".dcm"
    assert not records[0].image.exists()  # to whatever takes it for a file


def test_hundreds_of_addresses_and_files_stand_side_by_side(tmp_path: Path) -> None:
    cells = [cell for n in range(150) for cell in (f"https://host/eyes/{n}.png", f"eyes/{n}.jpg")]
    images = [record.image for record in read(tmp_path, *cells).records]
    assert str(images[-2]) == "https://host/eyes/149.png"
    assert images[-1] == tmp_path.resolve() / "eyes" / "149.jpg"


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("file:///etc/passwd", "a kind that is not read"),
        ("ftp://host/a.png", "a kind that is not read"),
        ("https://user:secret@host/a.png", "a password or a query"),
        ("https://host/a.png?X-Amz-Signature=1", "a password or a query"),
        ("https://host/a.png#x", "a password or a query"),
        ("https://host", "no address of a file"),
        ("https://host/", "no address of a file"),
        ("s3://bucket/a//b.png", "no address of a file"),
        ("s3://bucket/../b.png", "no address of a file"),
        ("S3://bucket/b.png", "no address as it is usually written"),
        ("https://host/a.zip::b.png", "archives are read on this machine"),
    ],
)
def test_an_address_that_cannot_be_read_is_a_fault(cell: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=problem) as caught:
        read(tmp_path, cell, "eye.png")
    assert [(fault.row, fault.value) for fault in caught.value.faults] == [(2, cell)]


def test_a_root_confines_addresses_too(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="--root"):
        read(tmp_path, "https://host/a.png", root=tmp_path)
