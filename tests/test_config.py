"""Settings: frozen, checked, and digested into the key of every result."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from retquant.biomarkers import select_columns
from retquant.config import BiomarkerSettings, ImageSettings, RunConfig, load_config
from retquant.errors import ConfigError
from retquant.resources import resource_folder


def test_the_published_settings_are_the_defaults() -> None:
    assert load_config(resource_folder("pipelines") / "fundus.toml") == RunConfig()


def test_the_published_settings_for_angiograms_are_the_defaults_with_all_columns_of_theirs() -> None:
    published = load_config(resource_folder("pipelines") / "octa.toml")
    chosen = published.biomarkers.include
    assert published == RunConfig(biomarkers=BiomarkerSettings(include=chosen))
    assert select_columns(chosen, modality="octa") == select_columns(("*",), modality="octa")


def test_written_settings_read_back_as_they_were(tmp_path: Path) -> None:
    changed = RunConfig(images=ImageSettings(min_side_px=200))
    (tmp_path / "config.toml").write_text(changed.as_toml(), encoding="utf-8")
    assert load_config(tmp_path / "config.toml") == changed


def test_the_digest_changes_with_any_setting() -> None:
    assert RunConfig().digest() == RunConfig().digest()
    assert RunConfig(images=ImageSettings(min_side_px=200)).digest() != RunConfig().digest()


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        RunConfig().images = ImageSettings()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[images]\nmax_pixel = 5\n", r"images\.max_pixel"),
        ("[images]\nmax_pixels = -5\n", r"images\.max_pixels"),
        ("[images\n", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_those_that_exist(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        load_config(tmp_path / "bad.toml")


def test_a_missing_file_of_settings_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "gone.toml")
