"""`retquant phantoms`: what is written, what is refused, and that it can be stopped."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from retquant.cli import app
from retquant.errors import ConfigError
from retquant.manifest import read_manifest
from retquant.phantoms import shape_set, y_junction

SMALL = ("--size", "96", "--people", "2", "--one-eyed", "1", "--workers", "0")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_make_writes_a_manifest_that_can_be_run_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "eyes"
    done = CliRunner().invoke(app, ["phantoms", "make", str(folder), *SMALL])
    assert done.exit_code == 0, done.output
    assert f"retquant cohort run {folder / 'manifest.csv'}" in done.output
    assert "2 eyes of 2 people; planted: hypertension, hba1c" in done.output
    manifest = read_manifest(folder / "manifest.csv")
    assert len(manifest.records) == 2
    for record in manifest.records:
        assert set(record.masks) == {"vessel", "artery", "vein", "disc", "cup"}
        assert record.image.suffix == ".jpg"
    truth = rows(folder / "truth.csv")
    assert float(truth[0]["vein_calibre_median_fov"]) > 20
    assert sorted(path.name for path in folder.iterdir()) == ["images", "manifest.csv", "masks", "truth.csv"]


def test_the_options_choose_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "eyes"
    options = ["--no-masks", "--records", "--disease", "diabetes=dropout:0.3@0.5", "--json", "--quiet"]
    done = CliRunner().invoke(app, ["phantoms", "make", str(folder), *SMALL, *options])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["people"], told["eyes"], told["labels"]) == (2, 2, ["diabetes"])
    manifest = rows(Path(told["manifest"]))
    assert not any(row["artery_mask"] for row in manifest)
    assert {row["diabetes"] for row in manifest} == {"0", "1"}
    (first, _) = sorted((folder / "records").iterdir())
    record = json.loads(first.read_text(encoding="utf-8"))
    assert record["junctions"]
    assert record["participant_id"] == "P001"


def test_more_processes_write_the_same_files(tmp_path: Path) -> None:
    folders = [tmp_path / n for n in ("alone", "together")]
    for folder, workers in zip(folders, ("0", "2"), strict=True):
        options = ["--size", "96", "--people", "2", "--one-eyed", "1", "--workers", workers, "-q"]
        assert CliRunner().invoke(app, ["phantoms", "make", str(folder), *options]).exit_code == 0
    files = [sorted(p.relative_to(f) for p in f.rglob("*") if p.is_file()) for f in folders]
    assert files[0] == files[1]
    for path in files[0]:
        assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes(), path


@pytest.mark.parametrize("command", ["make", "shapes"])
def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path, command: str) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(ConfigError, match="not empty") as caught:
        CliRunner().invoke(app, ["phantoms", command, str(tmp_path)], catch_exceptions=False)
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_wrong_words_exit_2_before_anything_is_written(tmp_path: Path) -> None:
    for options in (["--disease", "x=unheard_of"], ["--no-masks", "--no-images"]):
        command = [sys.executable, "-m", "retquant", "phantoms", "make", "eyes", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "Try: " in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="a console's interrupt reaches the whole group there")
def test_an_interrupt_leaves_no_manifest_and_the_same_command_goes_on(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "retquant", "phantoms", "make", "eyes", "--people", "14", "--one-eyed", "1"),
        *("--size", "128", "--no-images", "--workers", "2", "-q"),
    ]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a shell starts jobs in the background deaf to Ctrl-C, and their children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    notes = tmp_path / "eyes" / ".making"
    for _ in range(1200):
        if len(list(notes.glob("P*.json"))) >= 1:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    if running.returncode == 0:
        pytest.fail("all eyes were written before the interrupt came")
    assert running.returncode == 130, said
    assert b"Traceback" not in said
    assert not (tmp_path / "eyes" / "manifest.csv").exists()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert len(rows(tmp_path / "eyes" / "manifest.csv")) == 14
    assert not notes.exists()


def test_shapes_come_at_four_rotations_with_their_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"y_junction": partial(y_junction, length=60.0, width=8.0, size=(200, 200))}
    monkeypatch.setattr(shape_set, "SHAPES", small)
    done = CliRunner().invoke(app, ["phantoms", "shapes", str(tmp_path / "shapes")])
    assert done.exit_code == 0, done.output
    entries = json.loads((tmp_path / "shapes" / "truth.json").read_text(encoding="utf-8"))
    assert [entry["rotation_deg"] for entry in entries] == [0, 30, 60, 90]
    areas = []
    for entry in entries:
        assert entry["truth"]["branching_angle_deg"] == 60.0
        mask = np.asarray(Image.open(tmp_path / "shapes" / entry["files"]["artery"]))
        areas.append(mask.sum(dtype=float) / 255)
    assert np.ptp(areas) / np.mean(areas) < 0.01


def test_the_whole_set_of_shapes_has_a_truth_each() -> None:
    for name, build in shape_set.SHAPES.items():
        shape = build()
        assert shape.size == (2048, 2048), name
        assert shape.um_per_px == 5.0, name
        assert shape.truth, name
        assert shape.tubes or shape.blocks or shape.faz or shape.disc, name
