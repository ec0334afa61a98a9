"""Means and spreads of groups before and after they were made alike, a small plot a biomarker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from retquant.association.harmonisation import Harmonisation
from retquant.report.axes import Axis, axis_over

WIDTH = 360
_LEFT, _RIGHT, _TOP = 92.0, 348.0, 8.0
_ROW = 30.0
_MOST_GROUPS = 8  # the largest are drawn
_APART = 5.0  # pixels of the two lines of a group from its middle


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLines:
    """One group: (low, mean, high) in pixels, before and after."""

    label: str
    y: float
    before: tuple[float, float, float] | None
    after: tuple[float, float, float] | None
    apart: float = _APART


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmonisationFigure:
    """Everything the template draws."""

    biomarker: str
    share_before: float
    share_after: float
    across: Axis
    groups: tuple[GroupLines, ...]
    height: float
    foot: float
    width: int = WIDTH


def harmonisation_figures(found: Harmonisation, biomarkers: Sequence[str]) -> list[HarmonisationFigure]:
    """A figure for each of `biomarkers` that has groups to show."""
    tables = dict(iter(found.table.groupby("biomarker", sort=False)))
    figures = [_figure(name, tables[name]) for name in biomarkers if name in tables]
    return [figure for figure in figures if figure is not None]


def _figure(biomarker: str, table: pd.DataFrame) -> HarmonisationFigure | None:
    rows = table.head(_MOST_GROUPS).to_dict("records")
    spans = [
        row[f"mean_{when}"] + side * row[f"sd_{when}"]
        for row in rows
        for when in ("before", "after")
        for side in (-1, 1)
    ]
    known = [value for value in spans if value == value]
    if not known:
        return None
    across = axis_over(known, start=_LEFT, end=_RIGHT, include=known[0])
    foot = _TOP + _ROW * len(rows)

    def line(row: dict, when: str) -> tuple[float, float, float] | None:
        mean, sd = row[f"mean_{when}"], row[f"sd_{when}"]
        if not (mean == mean and sd == sd):
            return None
        return across.position(mean - sd), across.position(mean), across.position(mean + sd)

    return HarmonisationFigure(
        biomarker=biomarker,
        share_before=rows[0]["share_before"],
        share_after=rows[0]["share_after"],
        across=across,
        groups=tuple(
            GroupLines(
                label=str(row["group"]),
                y=_TOP + _ROW * (place + 0.5),
                before=line(row, "before"),
                after=line(row, "after"),
            )
            for place, row in enumerate(rows)
        ),
        height=foot + 28,
        foot=foot,
    )
