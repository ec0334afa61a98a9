"""The page on real masks, written from the figures of `real_masks`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

GOAL_FAMILIES = ("density", "calibre", "tortuosity", "fractal")
QUARTERS = ("mirrored", "upside down", "90 degrees", "180 degrees", "270 degrees")
RESAMPLED = ("30 degrees", "x 0.7", "x 1.4")
HEADS = (
    "flips and quarter turns",
    "30°",
    "30°, one bit",
    "× 0.7",
    "× 0.7, one bit",
    "× 1.4",
    "× 1.4, one bit",
)


def page(tables: Mapping[str, Any]) -> str:
    """Markdown."""
    return "\n\n".join(
        [
            "## On drawn masks of real eyes",
            _answers(tables),
            "### Change under turning, mirroring and resampling",
            _HOW_TURNED,
            _drift_table(tables["drift"]["family"], "family"),
            _drift_table(tables["drift"]["region"], "region"),
            _drift_table(tables["drift"]["biomarker"], "biomarker"),
            _appearing(tables["drift"]),
            "### The same in standard deviations between eyes",
            _IN_SD,
            _sd_table(tables["drift"]["in_sd"]),
            "### Two observers",
            _HOW_OBSERVED,
            _observer_table(tables["observers"]),
            "",
        ]
    )


_HOW_TURNED = """\
Median size of the change, in % of the value before, over all columns and eyes. A turn by 30° and a resampling give a
mask of coverage (bilinear, or by area where it shrinks) or one bit of it. Flips and quarter turns move pixels without
changing any; what is upright or level of a disc changes places at a quarter turn. Drawn vessels are often one pixel
wide: a turn or a shrink takes part of them below half coverage, so that some of what changes is the mask itself."""

_IN_SD = """\
What matters to a study is the change beside the spread between people. Median size of the change over the standard
deviation between the eyes of a data set."""

_HOW_OBSERVED = """\
First against second manual: the 20 test eyes of DRIVE, and 20 eyes of ten children of CHASE_DB1. ICC(2,1) counts a
systematic difference between the observers, ICC(3,1) does not; bias is the second observer's mean over the first's,
less one. The interval of DRIVE is McGraw and Wong's, that of CHASE_DB1 from children drawn again."""


def _answers(tables: Mapping[str, Any]) -> str:
    eyes = ", ".join(f"{count} of {title}" for title, count in tables["eyes"].items())
    lines = [
        f"{tables['columns']} columns of {sum(tables['eyes'].values())} eyes ({eyes}), every one a number or a reason, "
        f"with all variants below in {tables['cpu_seconds'] / 60:.1f} min of one core. Missing values by reason:",
        "",
    ]
    reasons = sorted({reason for count in tables["reasons"].values() for reason in count})
    rows = [
        [title, *(f"{count.get(reason, 0) / tables['eyes'][title]:.1f}" for reason in reasons)]
        for title, count in tables["reasons"].items()
    ]
    return "\n".join([*lines, _table(["columns an eye", *(f"`{reason}`" for reason in reasons)], rows)])


def _drift_table(found: Mapping[str, Any], what: str) -> str:
    rows = []
    for word, variants in found.items():
        shown = f"**{word}**" if word in GOAL_FAMILIES and what == "family" else word.replace("_", " ")
        quarter = max(variants[name]["median"] for name in QUARTERS if name in variants)
        cells = [quarter, *(_median(variants, name) for name in _resampled())]
        rows.append([shown, *(_percent(cell) for cell in cells)])
    return _table([what, *HEADS], rows)


def _resampled() -> list[str]:
    return [f"{name}{kind}" for name in RESAMPLED for kind in ("", ", one bit")]


def _median(variants: Mapping[str, Any], name: str) -> float:
    return float(variants[name]["median"]) if name in variants else math.nan


def _appearing(drift: Mapping[str, Any]) -> str:
    quarter = max(drift["appearing"][name] for name in QUARTERS)
    cells = [quarter, *(drift["appearing"][name] for name in _resampled())]
    listed = "; ".join(f"{head} {_percent(cell)} %" for head, cell in zip(HEADS, cells, strict=True))
    return f"Values that appear or vanish, in % of all: {listed}."


def _sd_table(found: Mapping[str, Any]) -> str:
    rows = []
    for word, variants in found.items():
        quarter = max(variants[name] for name in QUARTERS if name in variants)
        cells = [quarter, *(variants.get(name, math.nan) for name in _resampled())]
        rows.append([word.replace("_", " "), *(_number(cell) for cell in cells)])
    return _table(["biomarker", *HEADS], rows)


def _observer_table(found: Mapping[str, Any]) -> str:
    titles = list(found)
    # trees need a disc, which these data sets lack
    names = [
        name
        for name in found[titles[0]]
        if any(_is_number(found[title].get(name, {}).get("agreement", math.nan)) for title in titles)
    ]
    heads = ["column"]
    for title in titles:
        heads += [f"{title}: ICC(2,1) (95 %)", "ICC(3,1)", "bias, %"]
    rows = []
    for name in names:
        cells = [f"`{name}`"]
        for title in titles:
            one = found[title].get(name)
            if one is None or not _is_number(one["agreement"]):
                cells += ["–", "–", "–"]
                continue
            interval = f"{_number(one['low'])} to {_number(one['high'])}"
            cells += [
                f"{_number(one['agreement'])} ({interval})",
                _number(one["consistency"]),
                f"{100 * one['bias']:+.1f}" if _is_number(one["bias"]) else "–",
            ]
        rows.append(cells)
    return _table(heads, rows)


def _percent(share: float) -> str:
    if not _is_number(share):
        return "–"
    size = 100 * share
    return "0" if size < 1e-7 else f"{size:.2f}" if size < 10 else f"{size:.0f}"


def _number(value: float) -> str:
    return f"{value:.2f}" if _is_number(value) else "–"


def _is_number(value: float) -> bool:
    return value is not None and math.isfinite(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
