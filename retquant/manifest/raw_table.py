"""A table as a file holds it: columns in order, under whatever names the header gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retquant.manifest.faults import Fault

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, kw_only=True)
class RawTable:
    """Columns of a file, not yet named, trimmed or typed by the rules of a manifest."""

    names: Sequence[str]
    columns: Sequence[pa.ChunkedArray]
    rows: Sequence[int]  # line of each row in the file (header = 1)
    is_typed: bool = False  # of Parquet: its labels keep the types that they have
    may_have_commas: bool = False  # separated by ";": numbers may be written as 1,5
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
