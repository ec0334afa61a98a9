"""Files within archives give the bytes that were packed, in any order, and each archive is listed once a process."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retquant.config import ImageSettings
from retquant.images import archive as archives
from retquant.images import read_image, read_record
from retquant.images.archive import member_names, read_member
from retquant.images.gzip_reader import GzipReader
from retquant.manifest.records import ImageRecord

KINDS = (".zip", ".tar", ".tar.gz", ".tgz")


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of the kind that its name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in files.items():
                packed.writestr(name, data)
        return path
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(stream.getvalue(), 1) if path.name.endswith("gz") else stream.getvalue())
    return path


def photograph() -> bytes:
    rows, cols = np.ogrid[:240, :260]
    light = np.where((rows - 120) ** 2 + (cols - 130) ** 2 <= 112**2, 150.0, 3.0)[..., None] * [
        1.0,
        0.5,
        0.25,
    ]
    light += np.random.default_rng(0).normal(0, 3, light.shape)
    stream = io.BytesIO()
    Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_in_an_archive_is_the_image_beside_it(kind: str, tmp_path: Path) -> None:
    data = photograph()
    (tmp_path / "eye.png").write_bytes(data)
    packed = pack(tmp_path / f"eyes{kind}", {"notes.txt": b"", "left/eye.png": data, "left/fov.png": data})
    plain = read_image(tmp_path / "eye.png", settings=ImageSettings())
    within = read_image(Path(f"{packed}::left/eye.png"), settings=ImageSettings())
    assert np.array_equal(plain.pixels, within.pixels)
    assert np.array_equal(plain.fov, within.fov)
    masked = ImageRecord(
        image_id="eye",
        image=Path(f"{packed}::left/eye.png"),
        row=2,
        masks={"fov": Path(f"{packed}::left/fov.png")},
    )
    with pytest.raises(ValueError, match="colour picture"):  # the mask was read out of the archive as well
        read_record(masked, settings=ImageSettings())


@pytest.mark.parametrize("kind", KINDS[:3])
def test_ten_thousand_members_are_read_whole_in_any_order_of_one_listing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = random.Random(0)
    files = {f"./{n % 20}/eye_{n}.jpg": noise.randbytes(100 + n % 300) for n in range(10_000)}
    packed = pack(tmp_path / f"many{kind}", files)
    opened: list[Path] = []
    real = archives._open
    monkeypatch.setattr(archives, "_open", lambda path: opened.append(path) or real(path))
    assert len(member_names(packed)) == 10_000
    names = [*files][::7]
    noise.shuffle(names)
    assert all(read_member(packed, name) == files[name] for name in names[:150])
    in_order = [*files][:300]
    assert all(read_member(packed, name) == files[name] for name in in_order)
    assert opened == [packed]


@pytest.mark.parametrize("kind", KINDS)
def test_threads_may_read_at_once(kind: str, tmp_path: Path) -> None:
    noise = random.Random(1)
    files = {f"{n}.jpg": noise.randbytes(20_000) for n in range(60)}
    packed = pack(tmp_path / f"eyes{kind}", files)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: read_member(packed, name) == files[name], [*files] * 3))
    assert all(found)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_replaced_is_listed_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"eyes{kind}"
    assert read_member(pack(path, {"eye.png": b"before"}), "eye.png") == b"before"
    pack(tmp_path / f"new{kind}", {"eye.png": b"after", "other.png": b""}).replace(path)
    assert read_member(path, "eye.png") == b"after"
    assert read_member(path, "other.png") == b""


def test_no_more_archives_stay_open_than_a_few(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for number in range(60):
        assert read_member(pack(tmp_path / f"{number}.zip", {"eye.png": b"x"}), "eye.png") == b"x"
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + archives._OPEN


def test_of_files_of_one_name_the_last_counts_as_when_it_is_unpacked(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "twice.tar", "w") as tar:
        for data in (b"first", b"last!"):
            info = tarfile.TarInfo("eye.png")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert read_member(tmp_path / "twice.tar", "eye.png") == b"last!"


def test_names_are_found_however_the_packing_program_wrote_them(tmp_path: Path) -> None:
    packed = pack(tmp_path / "eyes.zip", {r"left\1.png": b"1", "./right/2.png": b"2", "a\u0308.png": b"3"})
    assert read_member(packed, "left/1.png") == b"1"
    assert read_member(packed, r"right\2.png") == b"2"
    assert read_member(packed, "\u00e4.png") == b"3"


def test_a_gzip_file_is_read_at_any_place_like_the_bytes_it_holds(tmp_path: Path) -> None:
    noise = random.Random(2)
    data = b"".join(noise.randbytes(300) * 40 for _ in range(300))  # 3.6 MB, of which a twentieth is new
    streams = gzip.compress(data[:1_000_000]) + gzip.compress(data[1_000_000:]) + bytes(512)
    (tmp_path / "a.gz").write_bytes(streams)
    with open(tmp_path / "a.gz", "rb") as file:
        reader = GzipReader(file, limit=1 << 24, spacing=1 << 16)
        for _ in range(200):
            place, size = noise.randrange(len(data) + 10), noise.randrange(50_000)
            reader.seek(place)
            assert reader.read(size) == data[place : place + size]
            assert reader.tell() == min(len(data), max(place, 0) + size) or place > len(data)


def test_the_states_kept_of_a_gzip_file_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retquant.images import gzip_reader

    monkeypatch.setattr(gzip_reader, "MOST_STATES", 8)
    data = random.Random(3).randbytes(2_000_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data, 1))
    with open(tmp_path / "a.gz", "rb") as file:
        reader = GzipReader(file, limit=1 << 24, spacing=1 << 15)
        reader.seek(len(data))
        assert len(reader._states) <= 8
        for place in (1_900_000, 5, 1_000_000, 0):
            reader.seek(place)
            assert reader.read(1000) == data[place : place + 1000]
