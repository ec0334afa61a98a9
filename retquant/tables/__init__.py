"""Tables: what a run writes and how it is read again, all in Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retquant.tables.rows import Failure, ImageRows

if TYPE_CHECKING:
    from retquant.tables.noise import noise_ratio
    from retquant.tables.reader import load_biomarkers, read_table

__all__ = ["Failure", "ImageRows", "load_biomarkers", "noise_ratio", "read_table"]


def __getattr__(name: str) -> Any:
    """Import the readers on first use: they need pandas, which writers and workers do not."""
    if name in ("load_biomarkers", "read_table"):
        from retquant.tables import reader

        return getattr(reader, name)
    if name == "noise_ratio":
        from retquant.tables.noise import noise_ratio

        return noise_ratio
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
