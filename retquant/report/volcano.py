"""The volcano plot: every biomarker by size of effect and strength of evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from retquant.report.axes import Axis, axis_over
from retquant.report.dots import Dot, evidence
from retquant.report.name_tags import name_tags
from retquant.report.text import tone

WIDTH, HEIGHT = 1120, 470
LEFT, RIGHT, TOP, BOTTOM = 70.0, 1090.0, 20.0, 410.0
_MOST_LABELS = 12
_LINE_GAP = 18.0  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Volcano:
    """Everything the template draws."""

    points: tuple[Dot, ...]
    across: Axis
    up: Axis
    null_x: float
    lines: tuple[tuple[float, str], ...]  # (y, label)


def volcano(table: pd.DataFrame, *, is_ratio: bool) -> Volcano | None:
    """All biomarkers with a p-value, least p first; None where there is none."""
    shown = table[table["p"].notna()]
    if shown.empty:
        return None
    effects = shown["ratio" if is_ratio else "effect"].astype(float)
    strength = shown["p"].map(evidence)
    across = axis_over(effects, start=LEFT, end=RIGHT, include=1.0 if is_ratio else 0.0, is_log=is_ratio)
    up = Axis(low=0.0, high=max(1.6, 1.08 * float(strength.max())), start=BOTTOM, end=TOP)
    points = [
        Dot(x=across.position(effect), y=up.position(height), tone=tone(row), values=row)
        for effect, height, row in zip(effects, strength, shown.to_dict("records"), strict=True)
    ]
    lines = [(up.position(evidence(0.05)), "p = 0.05")]
    found = shown.loc[shown["q"] < 0.05, "p"]
    if len(found):
        least = evidence(found.max())
        if abs(up.position(least) - lines[0][0]) < _LINE_GAP:
            lines = []  # two labels would lie on each other, and q is the one that counts
        lines.append((up.position(least), "q < 0.05 from here up"))
    return Volcano(
        points=tuple(_labelled(points, lines)),
        across=across,
        up=up,
        null_x=across.position(1.0 if is_ratio else 0.0),
        lines=tuple(lines),
    )


def _labelled(points: list[Dot], lines: list[tuple[float, str]]) -> list[Dot]:
    """Name the points of least p, of those that are found, whose name has room."""
    found = [point for point in points if point.tone != "none"]
    hung = name_tags(
        [(point.x, point.y, str(point.values["biomarker"])) for point in found],
        left=LEFT,
        right=RIGHT,
        most=_MOST_LABELS,
        taken=[(LEFT + 6, y - 5, text) for y, text in lines],
    )
    anchors = {id(point): anchor for point, anchor in zip(found, hung, strict=True)}
    return [replace(point, anchor=anchors.get(id(point), "")) for point in points]
