"""The heat map of a plan: every biomarker against every outcome, like beside like."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

LEFT, TOP = 330, 150  # room for names
_CELL_WIDTH, _CELL_HEIGHT = 34, 15
_FULL = 6.0  # |z| of the darkest colour
# diverging and told apart by the colour-blind: blue for lower, orange for higher
_LOW, _MIDDLE, _HIGH = (31, 99, 145), (246, 247, 248), (180, 84, 26)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pair, in pixels."""

    x: int
    y: int
    colour: str
    is_found: bool  # q below the bar
    values: dict  # the table's row


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Everything the template draws."""

    cells: tuple[Cell, ...]
    rows: tuple[tuple[int, str], ...]  # y of the text, biomarker
    columns: tuple[tuple[int, str], ...]  # x of the text, outcome
    width: int
    height: int
    cell_width: int = _CELL_WIDTH
    cell_height: int = _CELL_HEIGHT
    left: int = LEFT
    top: int = TOP


def heat_map(table: pd.DataFrame, *, bar: float) -> HeatMap | None:
    """Signed strength of evidence of every pair that counts, rows and columns in clustered order; None without any."""
    tests = table[(table["role"] == "biomarker") & table["p"].notna()]
    if tests.empty:
        return None
    strength = (tests["effect"] / tests["standard_error"]).clip(-40, 40)
    wide = (
        tests.assign(_z=strength)
        .pivot_table(index="biomarker", columns="outcome", values="_z", aggfunc="first")
        .fillna(0.0)
    )
    biomarkers = [str(wide.index[place]) for place in clustered(wide.to_numpy())]
    outcomes = [str(wide.columns[place]) for place in clustered(wide.to_numpy().T)]
    at = {name: TOP + place * _CELL_HEIGHT for place, name in enumerate(biomarkers)}
    across = {name: LEFT + place * _CELL_WIDTH for place, name in enumerate(outcomes)}
    cells = tuple(
        Cell(
            x=across[row["outcome"]],
            y=at[row["biomarker"]],
            colour=diverging(z, _FULL),
            is_found=bool(row["q"] < bar),
            values=row,
        )
        for row, z in zip(tests.to_dict("records"), strength, strict=True)
    )
    return HeatMap(
        cells=cells,
        rows=tuple((y + _CELL_HEIGHT - 4, name) for name, y in at.items()),
        columns=tuple((x + _CELL_WIDTH // 2 + 4, name) for name, x in across.items()),
        width=LEFT + len(outcomes) * _CELL_WIDTH + 90,
        height=TOP + len(biomarkers) * _CELL_HEIGHT + 10,
    )


def clustered(rows: np.ndarray) -> list[int]:
    """Places of the rows, those alike beside each other (average linkage)."""
    if len(rows) < 3:
        return list(range(len(rows)))
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    tree = linkage(rows, method="average")
    if len(rows) <= 400:
        tree = optimal_leaf_ordering(tree, rows)
    return [int(place) for place in leaves_list(tree)]


def diverging(value: float, full: float) -> str:
    """Colour of a value: blue below 0, orange above, darkest from `full` on; white where there is none."""
    if not math.isfinite(value):
        return "#ffffff"
    share = min(abs(value) / full, 1.0) ** 0.8
    end = _HIGH if value > 0 else _LOW
    return "#" + "".join(
        f"{round(middle + share * (far - middle)):02x}" for middle, far in zip(_MIDDLE, end, strict=True)
    )
