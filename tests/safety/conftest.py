"""Fixtures of the safety tests: the stand-in cohort, and where its modules are found."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("cohort", "images"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
