"""Slabs out of volumes: between the lines that a file draws, or not at all."""

from __future__ import annotations

import builtins
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images import RetinalImage, read_record
from retquant.images.volume import BORDERS, project
from retquant.manifest.columns import SLABS
from retquant.manifest.records import ImageRecord

SIDE, DEPTH = 130, 40
LINES = {"ILM": 4.0, "IPL-": 10.0, "IPL+": 16.0, "OPL": 22.0, "BM": 32.0}


def read(path: Path, **told: Any) -> RetinalImage:
    record = ImageRecord(image_id="a", image=path, row=2, modality="octa", **told)
    return read_record(record, settings=ImageSettings())


def test_a_slab_is_the_mean_between_its_lines_by_the_share_of_each_sample() -> None:
    flow = np.arange(6, dtype=np.float32)[None, :, None] * np.ones((1, 6, 4), np.float32)
    top = np.array([[0.5, 1.0, 2.0, 4.0]])
    bottom = np.array([[2.5, 3.0, 2.0, np.nan]])
    # samples 1 and 2 whole; half of 1, 2 whole, half of 3; nothing between; a line unknown
    assert project(flow, top, bottom)[0] == pytest.approx([1.5, 2.0, 0.0, 0.0])


def test_a_sample_that_is_not_known_counts_for_nothing() -> None:
    flow = np.array([1.0, np.nan, 3.0], np.float32)[None, :, None]
    assert project(flow, np.array([[-0.5]]), np.array([[2.5]]))[0, 0] == pytest.approx(2.0)


def test_every_slab_of_a_manifest_has_its_lines() -> None:
    assert set(BORDERS) == set(SLABS.values())


@pytest.mark.parametrize("ending", [".e2e", ".fda", ".oct"])
def test_a_volume_of_another_maker_is_told_what_to_do(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending}").write_bytes(b"anything")
    with pytest.raises(ImageError, match=f"no reader knows angiograms in {ending} files") as caught:
        read(tmp_path / f"a{ending}")
    assert "en-face slabs" in caught.value.remedy


def header(*, a_scans: int = SIDE, b_scans: int = SIDE, depth: int = DEPTH) -> bytes:
    sizes = b"".join(number.to_bytes(4, "little") for number in (a_scans, b_scans, depth))
    return b"HSF-OCT-103\0" + sizes


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no volume at all, but a text", "no HEYEX volume"),
        (header(), "cut short"),
        (header(a_scans=60_000, b_scans=60_000), "3,600,000,000 pixels"),
        (header(a_scans=9_000, b_scans=9_000, depth=500), "more than the limit"),
    ],
)
def test_a_file_is_looked_at_before_it_is_parsed(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.vol").write_bytes(content)
    with pytest.raises(ImageError, match=sentence) as caught:
        read(tmp_path / "a.vol")
    assert caught.value.where == str(tmp_path / "a.vol")


def test_without_the_reader_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.vol").write_bytes(header() + bytes(4 * SIDE * SIDE * DEPTH))
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "eyepy":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImageError, match="needs eyepy") as caught:
        read(tmp_path / "a.vol")
    assert caught.value.remedy == 'pip install "retquant[oct]"'


FILE_HEADER = "<12s3I3d2I2dId4sQiI16s16sI24sdI24sd4I34s1790x"
B_SCAN_HEADER = "<12sI4dIIfI6f168x"
COLUMN_OF_LINE = {"ILM": 0, "BM": 1, "OPL": 6, "IPL+": 17, "IPL-": 18}
UNKNOWN = np.finfo(np.float32).max


def heyex_volume(path: Path, *, lines: dict[str, float], distance_mm: float = 0.0115) -> None:
    """A volume in HEYEX's own format, whose flow is known layer by layer; B-scan 0 is the lowest."""
    pytest.importorskip("eyepy", reason='pip install "retquant[oct]"')
    sizes, spacing = (SIDE, SIDE, DEPTH), (0.0115, distance_mm, 0.0039)
    parts = [
        *(b"HSF-OCT-103", *sizes, *spacing, 8, 8, 0.2, 0.2, 30, 0.0, b"OD", 132_000_000_000_000_000, 3),
        *(256 + 19 * 4 * SIDE, b"1", b"", 0, b"", 0.0, 0, b"", 0.0, 0, 0, 0, 0, b""),
    ]
    content = [struct.pack(FILE_HEADER, *parts), bytes(64)]
    drawn = np.full((19, SIDE), UNKNOWN, np.float32)
    for name, at in lines.items():
        drawn[COLUMN_OF_LINE[name]] = at - 0.5
    depth = np.arange(DEPTH)
    flow = np.select([(depth >= 4) & (depth < 10), (depth >= 10) & (depth < 16)], [0.2, 0.4], 0.1)
    flow[depth >= 22] = 0.05
    for number in range(SIDE):
        data = np.repeat(flow[:, None], SIDE, axis=1)
        data[:, :20] *= 0.5  # the left of each B-scan
        data *= 1.0 if number >= 20 else 0.75  # the lowest B-scans
        at = number * distance_mm
        place = (b"HSF-BS-103", 256 + 19 * 4 * SIDE, 0.0, at, SIDE * 0.0115, at)
        content.append(struct.pack(B_SCAN_HEADER, *place, 19, 256, 30.0, 0, *[0.0] * 6))
        content += [drawn.tobytes(), data.astype(np.float32).tobytes()]
    path.write_bytes(b"".join(content))


def test_slabs_of_a_heyex_volume_lie_between_its_lines(tmp_path: Path) -> None:
    heyex_volume(tmp_path / "a.vol", lines=LINES)
    image = read(tmp_path / "a.vol", slab_names=("svc", "icp", "dvc"))
    assert image.slabs is not None
    assert image.slab_names == ("svc", "icp", "dvc")
    assert image.shape == (SIDE, SIDE)
    # B-scan 0 is the lowest row; grey levels are shares of the brightest flow
    assert image.slabs[:, 10, 60] == pytest.approx([255 * 0.5, 255, 255 * 0.625], abs=1)
    assert image.slabs[1, 10, 5] == pytest.approx(255 * 0.5, abs=1)
    assert image.slabs[1, -5, 60] == pytest.approx(255 * 0.75, abs=1)
    assert image.um_per_px == pytest.approx(11.5)
    assert any("svc, icp, dvc" in remark for remark in image.remarks)


def test_without_names_the_inner_retina_is_projected(tmp_path: Path) -> None:
    heyex_volume(tmp_path / "a.vol", lines=LINES)
    image = read(tmp_path / "a.vol")
    assert image.slabs is not None
    assert (len(image.slabs), image.slab_names) == (1, ())


def test_b_scans_twice_as_far_apart_are_interpolated_and_said_so(tmp_path: Path) -> None:
    heyex_volume(tmp_path / "a.vol", lines=LINES, distance_mm=0.023)
    image = read(tmp_path / "a.vol")
    assert image.shape == (2 * SIDE, SIDE)
    assert image.um_per_px == pytest.approx(11.5)
    assert any("interpolated" in remark for remark in image.remarks)


@pytest.mark.parametrize("missing", ["OPL", "ILM"])
def test_a_volume_without_the_lines_is_refused(tmp_path: Path, missing: str) -> None:
    heyex_volume(tmp_path / "a.vol", lines={name: at for name, at in LINES.items() if name != missing})
    with pytest.raises(ImageError, match="holds no lines of the retina's layers") as caught:
        read(tmp_path / "a.vol")
    assert "ilm_opl lies between ILM and OPL" in caught.value.problem
