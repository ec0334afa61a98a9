"""The container files install what this package offers, alike, and the linter has nothing to say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from retquant.resources import resource_folder

CONTAINER = resource_folder("pipelines") / "container"
FILES = [CONTAINER / "Dockerfile", CONTAINER / "retquant.def"]
TOP = Path(__file__).resolve().parents[1]


def extras_of(path: Path) -> set[str]:
    (found,) = re.findall(r'pip install .*"/tmp/retquant\[([a-z,]+)\]"', path.read_text(encoding="utf-8"))
    return set(found.split(","))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_container_installs_extras_that_exist(path: Path) -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras_of(path) <= set(project["optional-dependencies"])


def test_both_containers_hold_the_same() -> None:
    docker, apptainer = (path.read_text(encoding="utf-8") for path in FILES)
    assert extras_of(FILES[0]) == extras_of(FILES[1])
    assert re.findall(r"python:\S+", docker) == re.findall(r"python:\S+", apptainer)
    assert re.findall(r"recommends (.+?)\s*(?:\\|$)", docker, re.M) == re.findall(
        r"recommends (.+?)\s*$", apptainer, re.M
    )


def test_the_linter_has_nothing_to_say() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed")
    answer = subprocess.run([linter, str(FILES[0])], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
