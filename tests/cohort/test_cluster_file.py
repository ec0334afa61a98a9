"""Clusters from a file: what would be submitted, and Slurm jobs that start, join, work and end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from distributed import Client
from typer.testing import CliRunner

from retquant.cli import app
from retquant.cohort import cluster_file
from retquant.cohort.cluster import ClusterError
from retquant.cohort.cluster_file import ClusterFile, as_submitted, opened, read_cluster_file
from retquant.errors import ConfigError
from retquant.resources import resource_folder

PIPELINES = resource_folder("pipelines")


@pytest.mark.parametrize("name", ["cluster", "gpu"])
def test_the_slurm_files_ask_for_what_they_say(name: str) -> None:
    pytest.importorskip("dask_jobqueue")
    script = as_submitted(read_cluster_file(PIPELINES / "slurm" / f"{name}.toml"))
    assert "#SBATCH -t 12:00:00" in script
    assert "--nthreads 1" in script
    assert "--lifetime 11h30m" in script
    assert ("--gres=gpu:1" in script) == ("GPU=1" in script) == (name == "gpu")


def test_the_kubernetes_file_asks_for_pods_with_one_cpu() -> None:
    pytest.importorskip("dask_kubernetes")
    text = as_submitted(read_cluster_file(PIPELINES / "kubernetes" / "cluster.toml"))
    assert "kind: DaskCluster" in text
    assert "replicas: 16" in text
    assert text.count("memory: 4Gi") == 2  # written in full for worker and scheduler


def test_the_ssh_file_names_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster_file.LIBRARIES, "ssh", "distributed")  # what is shown needs no connection
    lines = as_submitted(read_cluster_file(PIPELINES / "ssh" / "cluster.toml")).splitlines()
    assert [line.split()[1] for line in lines] == ["node0", "node1", "node2"]
    assert "scheduler" in lines[0]
    assert all("8 workers of 1 threads" in line for line in lines[1:])


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`sbatch` and `scancel` that run the job script here; the folder with a file a job."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    commands = {
        "sbatch": f'set -m\ncp "$1" "{folder}/script"\n'
        f'bash "{folder}/script" >"{folder}/log" 2>&1 &\necho $! >"{folder}/$!"\n'
        'echo "Submitted batch job $!"\n',
        "scancel": f'for job in "$@"; do kill -- -"$job"; rm -f "{folder}/$job"; done\n',
    }
    for name, text in commands.items():
        command = tmp_path / name
        command.write_text(f"#!/bin/bash\n{text}", encoding="utf-8")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for Slurm's commands are shell scripts")
def test_jobs_start_workers_that_join_and_end_with_the_block(slurm: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    file = ClusterFile(
        kind="slurm",
        workers=1,
        options={
            "cores": 1,
            "processes": 1,
            "memory": "1 GiB",
            "interface": "lo",
            "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
            "worker_extra_args": ["--resources", "GPU=1"],
            "local_directory": str(slurm),
            "log_directory": str(slurm),
        },
    )
    with opened(file) as address, Client(address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
        assert client.submit(sum, [1, 2], resources={"GPU": 1}).result(timeout=30) == 3
        assert len([name for name in slurm.iterdir() if name.name.isdigit()]) == 1
    assert not [name for name in slurm.iterdir() if name.name.isdigit()]


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster_file.LIBRARIES, "slurm", "no_such_library")
    with pytest.raises(ClusterError, match="no_such_library is not installed") as caught:
        as_submitted(ClusterFile(kind="slurm"))
    assert caught.value.remedy == "pip install 'retquant[slurm]'"


def test_options_that_the_library_does_not_know_are_refused() -> None:
    pytest.importorskip("dask_jobqueue")
    with pytest.raises(ClusterError, match="options of slurm are refused"):
        as_submitted(ClusterFile(kind="slurm", options={"cores": 1, "memory": "1GB", "no_such": 1}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "pbs"', "slurm"),
        ('kind = "slurm"\nworker = 3', "worker"),
        ('kind = "ssh"\nhosts = ["one"]', "at least one more"),
        ('kind = "slurm"\nhosts = ["one", "two"]', "hosts are for ssh"),
        ("kind = ", "not valid TOML"),
    ],
)
def test_a_file_with_a_fault_says_which(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_cluster_file(tmp_path / "cluster.toml")


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["cluster", "show", str(tmp_path / "none.toml")])
    assert isinstance(answer.exception, ConfigError)
    assert "no such file" in str(answer.exception)
