"""Numbers of AutoMorph, VascX and PVBM beside ours: what corresponds, what differs, and a converter."""

from retquant.compatibility.convert import ColumnFate, Conversion, convert
from retquant.compatibility.mapping import (
    COMPARABLE,
    PROGRAMS,
    Comparable,
    Counterpart,
    Program,
    names_elsewhere,
    program,
)
from retquant.compatibility.table import write_table

__all__ = [
    "COMPARABLE",
    "PROGRAMS",
    "ColumnFate",
    "Comparable",
    "Conversion",
    "Counterpart",
    "Program",
    "convert",
    "names_elsewhere",
    "program",
    "write_table",
]
