"""A run's biomarkers, one row a person, for other programs."""

from __future__ import annotations

from retquant.association.export.formats import FORMATS
from retquant.association.export.genetic_ids import read_ids, with_genetic_ids
from retquant.association.export.person_table import EYE_RULES, PersonTable, person_table

__all__ = ["EYE_RULES", "FORMATS", "PersonTable", "person_table", "read_ids", "with_genetic_ids"]
