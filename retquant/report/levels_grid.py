"""Effects within groups as tables: a row a biomarker, a column a level, with whether the levels differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from retquant.association.associations import Associations

_MOST = 15  # biomarkers, those of least p
_DIFFER = {"interaction": "p_interaction", "strata": "p_strata", "site": "p_sites"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCell:
    """The effect of one biomarker at one level; a ratio where the kind of outcome has one."""

    effect: float  # NaN where there is none
    low: float
    high: float
    people: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelsGrid:
    """One table of the page."""

    by: str  # interaction, strata or site
    column: str
    levels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[LevelCell | None, ...], float, float], ...]  # biomarker, cells, p, I²


def levels_grids(associations: Associations, *, is_ratio: bool) -> list[LevelsGrid]:
    """A table for each way in which people were parted."""
    found = associations.levels
    if found is None or found.empty:
        return []
    main = associations.table.set_index("biomarker")
    return [
        _grid(str(by), str(column), rows, main, is_ratio=is_ratio)
        for (by, column), rows in found.groupby(["by", "column"], sort=False)
    ]


def _grid(by: str, column: str, found: pd.DataFrame, main: pd.DataFrame, *, is_ratio: bool) -> LevelsGrid:
    levels = tuple(dict.fromkeys(found["level"]))
    rows = []
    for name in list(dict.fromkeys(found["biomarker"]))[:_MOST]:
        at = found[found["biomarker"] == name].set_index("level")
        cells = tuple(_cell(at.loc[level], is_ratio) if level in at.index else None for level in levels)
        share = float(main.loc[name, "i2_sites"]) if by == "site" else math.nan
        rows.append((str(name), cells, float(main.loc[name, _DIFFER[by]]), share))
    return LevelsGrid(by=by, column=column, levels=levels, rows=tuple(rows))


def _cell(row: pd.Series, is_ratio: bool) -> LevelCell:
    low, effect, high = (
        math.exp(min(700.0, row[name])) if is_ratio and math.isfinite(row[name]) else float(row[name])
        for name in ("ci_low", "effect", "ci_high")
    )
    reason = str(row["reason"]) if isinstance(row["reason"], str) else ""
    return LevelCell(effect=effect, low=low, high=high, people=int(row["n_people"]), reason=reason)
