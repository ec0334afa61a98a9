"""How the best biomarkers hang together: their correlations, like beside like, below the diagonal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retquant.report.heat_map import clustered, diverging

CELL = 13  # pixels
LEFT = 330  # room for names
TOP = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationMap:
    """Everything the template draws."""

    cells: tuple[tuple[int, int, str, str, str, float], ...]  # x, y, colour, biomarker, other, correlation
    names: tuple[tuple[int, str, int], ...]  # y of the text, biomarker, its number
    columns: tuple[tuple[int, int, str], ...]  # x and y of the number under a column, number
    width: int
    height: int
    cell: int = CELL
    left: int = LEFT


def correlation_map(correlations: pd.DataFrame) -> CorrelationMap | None:
    """Lower triangle of (B, B) correlations in clustered order; None below three biomarkers."""
    if len(correlations) < 3:
        return None
    values = correlations.to_numpy(dtype=float)
    order = clustered(np.nan_to_num(values))
    names = [str(correlations.index[place]) for place in order]
    values = values[np.ix_(order, order)]
    cells = tuple(
        (LEFT + CELL * column, TOP + CELL * row, diverging(r, 1.0), names[row], names[column], r)
        for row in range(len(names))
        for column in range(row)
        if math.isfinite(r := float(values[row, column]))
    )
    return CorrelationMap(
        cells=cells,
        names=tuple((TOP + CELL * (place + 1) - 2, name, place + 1) for place, name in enumerate(names)),
        columns=tuple(
            (LEFT + CELL * place + CELL // 2, TOP + CELL * (place + 1) - 2, str(place + 1))
            for place in range(len(names) - 1)
        ),
        width=LEFT + CELL * len(names) + 20,
        height=TOP + CELL * len(names) + 8,
    )
