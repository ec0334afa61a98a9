"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# a change is judged on the same examples each time; `--hypothesis-profile=explore` tries new ones
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", max_examples=500)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real images with ground truth, which is not part of the product."""
    folder = Path(os.environ.get("RETQUANT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"real images are not at {folder}; set RETQUANT_DATA to the folder that holds fundus/ and octa/"
        )
    return folder


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[[str], tuple[str, str]]:
    """Opens an address in Chromium: the page's elements after its scripts ran, and what its console said."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if (found := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("there is no Chromium here")

    def render(address: str) -> tuple[str, str]:
        quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--v=0")
        folder = tmp_path / "browser"
        done = subprocess.run(
            [
                *(chromium, *quiet, "--no-first-run", "--enable-logging=stderr", f"--user-data-dir={folder}"),
                *("--virtual-time-budget=5000", "--dump-dom", address),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)

    return render
