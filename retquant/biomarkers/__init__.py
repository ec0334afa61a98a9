"""Biomarkers: the registry of what they mean, and `measure`, which gives an image's numbers or reasons."""

from __future__ import annotations

from retquant.biomarkers.definition import Column, Definition
from retquant.biomarkers.grammar import ColumnName, parse
from retquant.biomarkers.measure import measure
from retquant.biomarkers.measurement import REASONS, Biomarkers, Measurement, missing
from retquant.biomarkers.registry import BIOMARKERS, DEFINITIONS, biomarker
from retquant.biomarkers.rows import bifurcation_table, crossing_table, segment_table
from retquant.biomarkers.slabs import find_column, run_columns, select_columns, slab_columns
from retquant.biomarkers.workspace import MeasureInputs, View, Workspace

__all__ = [
    "BIOMARKERS",
    "DEFINITIONS",
    "REASONS",
    "Biomarkers",
    "Column",
    "ColumnName",
    "Definition",
    "MeasureInputs",
    "Measurement",
    "View",
    "Workspace",
    "bifurcation_table",
    "biomarker",
    "crossing_table",
    "find_column",
    "measure",
    "missing",
    "parse",
    "run_columns",
    "segment_table",
    "select_columns",
    "slab_columns",
]
