"""The Manhattan plot: every biomarker by the strength of its evidence, one family of biomarkers beside the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from retquant.report.axes import Axis
from retquant.report.dots import Dot, evidence
from retquant.report.name_tags import LETTER, name_tags
from retquant.report.text import tone

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 430, 70.0, 1100.0, 20.0, 300.0
_NARROWEST = 17.0  # pixels of a family, so that its name has room
_MOST_LABELS = 8
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A line that evidence has to pass."""

    y: float
    text: str
    text_y: float  # foot of the text, above or below the line


@dataclass(frozen=True, slots=True, kw_only=True)
class Manhattan:
    """Everything the template draws."""

    dots: tuple[Dot, ...]
    up: Axis
    bands: tuple[tuple[float, float, str], ...]  # x, width, family
    bars: tuple[Bar, ...]


def manhattan(table: pd.DataFrame, *, effective: float, bar: float) -> Manhattan | None:
    """All biomarkers that count as tests; None where none has a p.

    Two lines are drawn: the largest p whose false discovery rate is below `bar`, and `bar` over the `effective` number
    of tests (Bonferroni).
    """
    shown = table[(table["role"] == "biomarker") & table["p"].notna()]
    if shown.empty:
        return None
    families = {name: family_of(name) for name in shown["biomarker"]}
    names = sorted(set(families.values()), key=lambda name: (name == OTHER, name))
    rows = {family: shown[shown["biomarker"].map(families) == family] for family in names}
    spare = (RIGHT - LEFT - _NARROWEST * len(names)) / len(shown)
    strength = shown["p"].map(evidence)
    lines = _lines(shown, effective, bar)
    up = Axis(
        low=0.0,
        high=1.08 * max(float(strength.max()), *(height for height, _ in lines)),
        start=BOTTOM,
        end=TOP,
    )
    dots: list[Dot] = []
    bands: list[tuple[float, float, str]] = []
    x = LEFT
    for family in names:
        ordered = rows[family].sort_values("biomarker", kind="stable")
        wide = _NARROWEST + spare * len(ordered)
        bands.append((round(x, 1), round(wide, 1), family.replace("_", " ")))
        for place, row in enumerate(ordered.to_dict("records")):
            across = x + wide * (place + 0.5) / len(ordered)
            dots.append(
                Dot(x=round(across, 1), y=up.position(evidence(row["p"])), tone=tone(row), values=row)
            )
        x += wide
    top = max(height for height, _ in lines)
    bars = tuple(
        Bar(y=(y := up.position(height)), text=text, text_y=y + (14 if height < top else -5))
        for height, text in lines
    )
    return Manhattan(dots=tuple(_labelled(dots, bars)), up=up, bands=tuple(bands), bars=bars)


def family_of(biomarker: str) -> str:
    """The biomarker's family in the catalogue, or `OTHER` where the catalogue does not have it."""
    from retquant.biomarkers import find_column

    column = find_column(biomarker)
    return OTHER if column is None else column.family


def _lines(shown: pd.DataFrame, effective: float, bar: float) -> list[tuple[float, str]]:
    """(height, text) of both bars."""
    lines = [(evidence(bar / max(effective, 1.0)), f"{bar:g} / {effective:.1f} effective tests")]
    found = shown.loc[shown["q"] < bar, "p"]
    if len(found):
        lines.append((evidence(found.max()), f"q < {bar:g} from here up"))
    return lines


def _labelled(dots: list[Dot], bars: Sequence[Bar]) -> list[Dot]:
    """Name the dots of least p, of those that are found, whose name has room."""
    best = sorted((dot for dot in dots if dot.tone != "none"), key=lambda dot: dot.values["p"])
    hung = name_tags(
        [(dot.x, dot.y, str(dot.values["biomarker"])) for dot in best],
        left=LEFT,
        right=RIGHT,
        most=_MOST_LABELS,
        taken=[(RIGHT - LETTER * len(bar.text), bar.text_y, bar.text) for bar in bars],
    )
    anchors = {id(dot): anchor for dot, anchor in zip(best, hung, strict=True)}
    return [replace(dot, anchor=anchors.get(id(dot), "")) for dot in dots]
