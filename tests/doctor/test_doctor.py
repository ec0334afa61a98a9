"""`retquant doctor` finds what is wrong, by things that are wrong, and says the line that mends it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from retquant import doctor
from retquant.cli import app
from retquant.config import RunConfig, SegmentationSettings
from retquant.doctor import cluster, folders, installation, trial
from retquant.doctor.models import check_models
from retquant.pipeline import Analysis, analyse
from retquant.segmentation.bundles import read_bundle


def test_a_package_that_is_missing_or_too_old_is_named_with_the_line_that_installs_it() -> None:
    needed = ["numpy>=1.0", "numpy>=99", "no-such-package-of-ours>=2", "no-such-extra; extra == 'oct'"]
    found = list(installation.check_packages(needed))
    faults = {one.said.split()[0]: one for one in found if one.state == "fault"}
    assert set(faults) == {"numpy", "no-such-package-of-ours"}
    assert ">=99 is needed" in faults["numpy"].said
    assert faults["numpy"].remedy == "pip install 'numpy>=99'"
    assert "is not installed" in faults["no-such-package-of-ours"].said
    assert any(one.about == "extras" and "not installed: oct" in one.said for one in found)


def test_a_package_that_will_do_has_no_problem() -> None:
    assert installation.problem_of(Requirement("numpy>=1.0")) == ""


def test_a_file_in_place_of_the_folder_of_results_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder", encoding="utf-8")
    (finding,) = folders.check_output(tmp_path / "out" / "deeper")
    assert finding.state == "fault"
    assert "is a file" in finding.said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc takes no files, not even root's")
def test_a_folder_that_takes_no_files_is_a_fault() -> None:
    (finding,) = folders.check_output(Path("/proc"))
    assert finding.state == "fault"
    assert "cannot be written" in finding.said


def test_a_folder_that_is_not_there_yet_is_tried_above_and_left_as_it_was(tmp_path: Path) -> None:
    (finding,) = folders.check_output(tmp_path / "a" / "b")
    assert finding.state in ("fine", "note")
    assert not list(tmp_path.iterdir())


def test_little_room_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "LEAST_ROOM_GIB", 1e9)
    (finding,) = folders.check_output(tmp_path)
    assert finding.state == "note"
    assert "are advised" in finding.said


def test_weights_that_are_not_those_of_the_card_are_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(read_bundle("fundus-general").folder, folder)
    weights = next(folder.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    config = RunConfig(segmentation=SegmentationSettings(model=str(folder)))
    found = list(check_models(config))
    (damaged,) = (one for one in found if one.state == "fault")
    assert "sha256" in damaged.said
    assert damaged.remedy
    assert any(one.state == "fine" and "fundus-general" in one.said for one in found)


def test_a_model_that_is_not_there_is_a_fault() -> None:
    config = RunConfig(segmentation=SegmentationSettings(model="fundus-generall"))
    (missing,) = (one for one in check_models(config) if one.state == "fault")
    assert "fundus-generall" in missing.said


def test_the_drawn_eye_reads_true_here_and_another_answer_would_be_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[Analysis] = []

    def analysed(*arguments: Any, **options: Any) -> Analysis:
        kept.append(analyse(*arguments, **options))
        return kept[-1]

    monkeypatch.setattr(trial, "analyse", analysed)
    assert [one.state for one in trial.check_trial(RunConfig())] == ["fine", "fine"]
    monkeypatch.setattr(trial, "analyse", lambda *_, **__: kept.pop(0))
    monkeypatch.setattr(trial, "LARGEST_ERROR", 1e-9)
    monkeypatch.setattr(trial, "LEAST_DICE", 0.9999)
    found = list(trial.check_trial(RunConfig()))
    assert [one.state for one in found] == ["fault", "fault"]
    assert "should be" in found[0].said


def test_a_scheduler_that_does_not_answer_is_a_fault(tmp_path: Path) -> None:
    (finding,) = cluster.check_cluster("tcp://127.0.0.1:9", tmp_path, patience_s=0.5)
    assert finding.state == "fault"
    assert "no Dask scheduler answers" in finding.said


def test_the_workers_of_a_scheduler_are_counted_and_see_the_folder(tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as running:
        found = list(cluster.check_cluster(running.scheduler_address, tmp_path))
    assert [one.state for one in found] == ["fine", "note", "fine", "fine"]
    assert "more than one thread" in found[1].said
    assert f"all see {tmp_path}" in found[-1].said
    assert not list(tmp_path.iterdir())


def test_versions_that_differ_are_named_once() -> None:
    answer = {"packages": {"numpy": "1.0", "dask": "2"}}
    versions = {
        "client": {"packages": {"numpy": "2.0", "dask": "2"}},
        "workers": {"a": answer, "b": answer},
    }
    assert list(cluster._unlike(versions)) == ["numpy 2.0 here, 1.0 there"]


def test_a_check_that_breaks_down_is_a_fault_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("libcuda is of another age\nand more")

    monkeypatch.setattr("retquant.doctor.machine.check_graphics", broken)
    for name in ("trial.check_trial", "cluster.check_cluster"):
        monkeypatch.setattr(f"retquant.doctor.{name}", lambda *_, **__: iter(()))
    found = list(doctor.examine(RunConfig(), out=tmp_path))
    (fault,) = (one for one in found if one.state == "fault")
    assert fault.about == "graphics"
    assert "RuntimeError: libcuda is of another age" in fault.said
    assert {"machine", "models"} <= {one.about for one in found}


def test_the_command_exits_with_1_on_a_fault_and_with_0_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("trial.check_trial", "cluster.check_cluster"):
        monkeypatch.setattr(f"retquant.doctor.{name}", lambda *_, **__: iter(()))
    run = CliRunner().invoke
    well = run(app, ["doctor", "--out", str(tmp_path)])
    assert well.exit_code == 0, well.output
    assert well.output.splitlines()[-1] == "ready to run"
    (tmp_path / "file").write_text("", encoding="utf-8")
    ill = run(app, ["doctor", "--out", str(tmp_path / "file"), "--json"])
    assert ill.exit_code == 1
    assert [one["about"] for one in json.loads(ill.stdout) if one["state"] == "fault"] == ["results"]
