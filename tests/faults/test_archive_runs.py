"""Runs on images in archives: as on the same images unpacked, kept while nothing changes, redone where one does."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cohort"))

from stand_ins import DENSITY, in_process
from test_archive import pack

from retquant.cohort import RunSummary, Study, contents, run
from retquant.cohort.contents import ContentCache, read_content
from retquant.images import archive as archives
from retquant.images.files import read_bytes
from retquant.manifest import read_manifest
from retquant.manifest.records import ImageRecord
from retquant.tables.rows import ImageRows

FILES = {f"{side}/{n}.txt": f"value {n} {side}".encode() for n in range(6) for side in ("left", "right")}


@dataclass(frozen=True)
class ReadNumber:
    """Takes the number in a file for the density, wherever the file lies."""

    def __call__(self, record: ImageRecord) -> ImageRows:
        text = read_bytes(record.image).decode()
        return ImageRows(
            biomarkers={DENSITY.name: float(text.split()[1])}, tables={"quality": {"grade": ["good"]}}
        )


def carry_out(folder: Path, archive: str | None, files: dict[str, bytes]) -> RunSummary:
    """A run on a manifest that names the files in the archive, or unpacked, always in one folder of results."""
    manifest = folder / "manifest.csv"
    cells = [name if archive is None else f"{archive}::{name}" for name in files]
    rows = [
        f"{cell},{name.replace('/', '_').removesuffix('.txt')}"
        for cell, name in zip(cells, files, strict=True)
    ]
    manifest.write_text("\n".join(["image,image_id", *rows]) + "\n", encoding="utf-8")
    read = read_manifest(manifest)
    study = Study(
        manifest=manifest,
        records=read.records,
        participants=pa.table({"image_id": [record.image_id for record in read.records]}),
        process=ReadNumber(),
        columns=(DENSITY,),
        config_digest="settings-1",
        config_toml="[images]\n",
    )
    return run(study, folder / "run", settings=in_process(agreed=True))


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz"])
def test_a_run_resumes_on_an_archive_and_redoes_what_changed_in_it(kind: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / f"eyes{kind}", FILES).name
    first = carry_out(tmp_path, archive, FILES)
    assert (first.done, first.failed) == (12, 0)
    found = pd.read_parquet(tmp_path / "run" / "biomarkers").set_index("image_id")[DENSITY.name]
    assert found["left_3"] == 3.0
    assert carry_out(tmp_path, archive, FILES).done == 0
    changed = FILES | {"left/3.txt": b"value 33 left"}
    pack(tmp_path / archive, changed)
    assert carry_out(tmp_path, archive, changed).done == 1
    found = pd.read_parquet(tmp_path / "run" / "biomarkers").set_index("image_id")[DENSITY.name]
    assert found["left_3"] == 33.0
    less = {name: data for name, data in changed.items() if name != "right/5.txt"}
    pack(tmp_path / archive, less)
    gone = carry_out(tmp_path, archive, changed)
    assert (gone.done, gone.failed, gone.kept) == (0, 1, 11)
    failure = pd.read_parquet(tmp_path / "run" / "failures").iloc[0]
    assert (failure["image_id"], failure["stage"]) == ("right_5", "read")
    assert failure["hint"] == "there is left/5.txt"


def test_packing_what_is_done_measures_nothing_again(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert carry_out(tmp_path, None, FILES).done == 12
    archive = pack(tmp_path / "eyes.zip", FILES).name
    assert carry_out(tmp_path, archive, FILES).done == 0
    assert carry_out(tmp_path, pack(tmp_path / "eyes.tar.gz", FILES).name, FILES).done == 0


def test_a_member_has_the_content_that_it_has_unpacked(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(FILES["left/1.txt"])
    packed = pack(tmp_path / "eyes.zip", FILES)
    assert (
        read_content(tmp_path / "1.txt").sha256
        == read_content(Path(f"{packed}::left/1.txt")).sha256
        != contents.ABSENT
    )


def test_an_archive_that_did_not_change_is_not_opened_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack(tmp_path / "eyes.zip", FILES)
    paths = [Path(f"{packed}::{name}") for name in FILES]
    read = [read_content(path) for path in paths]
    ContentCache(tmp_path).add(read)
    opened: list[Path] = []
    real = archives._open
    monkeypatch.setattr(archives, "_open", lambda path: opened.append(path) or real(path))
    archives._archives.clear()
    archives._last.clear()
    again = ContentCache(tmp_path)
    again.warm(paths)
    assert [again.sha256(path) for path in paths] == [content.sha256 for content in read]
    assert opened == []
    os.utime(packed, (1, 1))
    again.warm(paths)
    assert opened == [packed]


def test_hashing_many_members_goes_through_a_tar_gz_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{n}.txt": os.urandom(3000) for n in range(400)}
    packed = pack(tmp_path / "eyes.tar.gz", files)
    inflated = []
    real = archives.TarArchive.read
    monkeypatch.setattr(
        archives.TarArchive,
        "read",
        lambda self, name, *, most: inflated.append(self._members[name][0]) or real(self, name, most=most),
    )
    cache = ContentCache(tmp_path)
    cache.warm(Path(f"{packed}::{name}") for name in reversed(files))
    assert len(inflated) == 400
    assert inflated == sorted(inflated)
