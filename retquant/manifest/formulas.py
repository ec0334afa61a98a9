"""Cells of CSV files that no spreadsheet runs: text that begins as a formula does is marked as text.

Ids, names of files and labels come from strangers, and CSV files are opened with a double click. An apostrophe before
the text is what spreadsheets themselves put there for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"\t|\s*[=+\-@＝＋－＠]")
_BREAKS = re.compile(r"[\r\n]+")  # after which a reader may begin a row anew, quoted or not
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def neutral(text: str) -> str:
    """The text on one line, with an apostrophe before what a spreadsheet would run; numbers as they are."""
    text = _BREAKS.sub(" ", text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def neutral_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose text cells, index and names of columns are `neutral`."""
    found = table.rename(index=_neutral_cell, columns=_neutral_cell)
    for place in range(found.shape[1]):
        column = found.iloc[:, place]
        if column.dtype == object or column.dtype.name in ("string", "str", "category"):
            found.isetitem(place, column.astype(object).map(_neutral_cell))
    return found


def _neutral_cell(cell: object) -> object:
    return neutral(cell) if isinstance(cell, str) else cell
