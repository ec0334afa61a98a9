"""The forest plot: estimate and interval of the biomarkers that stand out most, one line each."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from retquant.report.axes import Axis, axis_over
from retquant.report.text import tone

ROW_HEIGHT = 25  # pixels
TOP = 34
WIDTH = 1120
PLOT = (400.0, 760.0)  # pixels between which the axis lies
_WIDEST = 25.0  # times the typical interval; wider ones end in an arrow instead of flattening the others


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One line, in pixels."""

    y: float
    x: float
    x_low: float
    x_high: float
    cut_low: bool  # the interval goes on beyond the axis
    cut_high: bool
    tone: str
    values: dict  # the table's row


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Everything the template draws."""

    rows: tuple[ForestRow, ...]
    axis: Axis
    null_x: float
    height: float


def forest(table: pd.DataFrame, *, is_ratio: bool, most: int = 25) -> Forest | None:
    """The `most` biomarkers of least p that count as tests; None where nothing was estimated."""
    chosen = table[(table["role"] == "biomarker") & table["p"].notna()].head(most)
    if chosen.empty:
        return None
    names = ("ratio", "ratio_low", "ratio_high") if is_ratio else ("effect", "ci_low", "ci_high")
    centre, low, high = (chosen[name].astype(float) for name in names)
    null = 1.0 if is_ratio else 0.0
    typical = float((chosen["ci_high"] - chosen["ci_low"]).median())
    shown = (chosen["ci_high"] - chosen["ci_low"]) <= _WIDEST * typical
    axis = axis_over(
        [*centre, *low[shown], *high[shown]], start=PLOT[0], end=PLOT[1], include=null, is_log=is_ratio
    )
    rows = tuple(
        ForestRow(
            y=TOP + ROW_HEIGHT * (index + 0.5),
            x=axis.position(centre.iloc[index]),
            x_low=axis.position(low.iloc[index]),
            x_high=axis.position(high.iloc[index]),
            cut_low=not axis.contains(low.iloc[index]),
            cut_high=not axis.contains(high.iloc[index]),
            tone=tone(row),
            values=row,
        )
        for index, row in enumerate(chosen.to_dict("records"))
    )
    return Forest(rows=rows, axis=axis, null_x=axis.position(null), height=TOP + ROW_HEIGHT * len(rows) + 58)
