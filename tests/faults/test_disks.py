"""A disk that is full, read-only or gone ends the run with one clear error; what is committed stays.

The disks are real: a tmpfs of one MiB, remounted read-only, or unmounted, in a mount namespace of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(scope="module", autouse=True)
def _may_mount() -> None:
    may = (
        shutil.which("unshare") and subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    )
    if not may:
        pytest.skip("this system lets nobody but root mount; a limit on file sizes stands in (test_runs.py)")


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        ("full", "No space left on device"),
        ("full for workers", "No space left on device"),
        ("read-only", "Read-only file system"),
        ("gone", "the run's folder"),
    ],
)
def test_a_run_survives_its_disk(
    tmp_path: Path, environment: dict[str, str], scenario: str, error: str
) -> None:
    program = [sys.executable, str(Path(__file__).with_name("mounted.py")), scenario, str(tmp_path)]
    done = subprocess.run(
        [*NAMESPACE, *program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert error in done.stdout
