"""Fixtures that several test folders share."""

from __future__ import annotations

import os
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
