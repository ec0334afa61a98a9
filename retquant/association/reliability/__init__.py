"""How far a biomarker can be trusted: repeat pictures, the two eyes of a person, two methods."""

from __future__ import annotations

from retquant.association.reliability.agreement import Agreement, agreement, agreements
from retquant.association.reliability.table import Reliability, reliability

__all__ = ["Agreement", "Reliability", "agreement", "agreements", "reliability"]
