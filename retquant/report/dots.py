"""What plots of evidence have in common: a biomarker as a dot, and how strong its evidence is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

_LEAST_P = 1e-300  # what a p of 0 is drawn as


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One biomarker, in pixels."""

    x: float
    y: float
    tone: str
    values: dict  # the table's row
    anchor: str = ""  # of its name; empty where there is no room for one


def evidence(p: float) -> float:
    """How strongly a p-value from 0 to 1 speaks: minus its decimal logarithm."""
    return -math.log10(max(float(p), _LEAST_P))
