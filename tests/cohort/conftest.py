"""Fixtures of the cohort tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power, and syncing is most of what a tiny run would wait for."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
