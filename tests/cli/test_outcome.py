"""Messages and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retquant.cli.outcome import exit_code
from retquant.errors import ConfigError, ImageError, ManifestError, OutputError


def retquant(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "retquant", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_wrong_input_exits_2_and_a_failed_run_1() -> None:
    assert exit_code(ManifestError("x")) == exit_code(ConfigError("x")) == 2
    assert exit_code(OutputError("x")) == exit_code(ImageError("x")) == 1


def test_a_refused_run_exits_2() -> None:
    from retquant.cohort import RefusedError

    assert exit_code(RefusedError("x")) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("picture\na.png\n", "image"), ("image\n", "no row"), ("image,eye\na.png,middle\n", "middle")],
)
def test_a_bad_manifest_exits_2_with_one_message_and_no_traceback(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    done = retquant("cohort", "run", "manifest.csv", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr
    assert "Try:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "manifest").exists()


def test_quantify_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_bytes(b"%PDF-1.7 ...")
    done = retquant("quantify", "letter.jpg", cwd=tmp_path)
    assert done.returncode == 1
    assert "this is a PDF file" in done.stderr
    assert "Traceback" not in done.stderr
