"""Biomarkers against disease: designs, models and effect tables."""

from __future__ import annotations

from retquant.association.analysis import associate
from retquant.association.associations import Associations
from retquant.association.modelling import Modelling
from retquant.association.study import Exclusion, Study

__all__ = ["Associations", "Exclusion", "Modelling", "Study", "associate"]
