"""The page of `retquant reliability`: how far each biomarker can be trusted, from repeats, eyes and methods."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import retquant
from retquant.association.reliability import Reliability
from retquant.association.reliability.pairs import Pairs
from retquant.association.reliability.table import COLUMNS
from retquant.report.bland_altman import HEIGHT, WIDTH, BlandAltman, bland_altman
from retquant.report.page_templates import page_templates, write_page_file

TITLES: Mapping[str, str] = {
    "repeats": "Repeat pictures of an eye",
    "eyes": "The two eyes of a person",
    "methods": "Two methods on the same pictures",
}
_MEANINGS: Mapping[str, str] = {
    "repeats": "What differs is noise: of the picture, of its segmentation and of the measurement.",
    "eyes": "What differs is noise and the true difference of two eyes: a bound for noise, and a fair one for what is "
    "shared by both eyes.",
    "methods": "What differs is the method; a constant difference costs agreement and no consistency.",
}
_MOST_PLOTS = 24


@dataclass(frozen=True, eq=False, kw_only=True)
class _Section:
    title: str
    meaning: str
    pairs: Pairs
    rows: list[dict[Any, Any]]
    plots: list[BlandAltman]


def write_reliability_page(found: Reliability, path: Path) -> Path:
    """Write the page to `path` (aside first, then renamed); one file without any link to the network."""
    page = (
        page_templates()
        .get_template("reliability.html.j2")
        .render(
            sections=[_section(found, pairs) for pairs in found.pairs],
            columns=COLUMNS,
            source=found.source,
            headline=found.headline,
            width=WIDTH,
            height=HEIGHT,
            most_plots=_MOST_PLOTS,
            version=retquant.__version__,
            written=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    )
    return write_page_file(path, page)


def _section(found: Reliability, pairs: Pairs) -> _Section:
    rows = found.table[found.table["design"] == pairs.design]
    rows = rows.sort_values("agreement", ascending=False, na_position="last", kind="stable")
    records = rows.to_dict("records")
    place = {name: column for column, name in enumerate(found.biomarkers)}
    plots: list[BlandAltman] = []
    for row in records:
        column = place[row["biomarker"]]
        plot = bland_altman(
            row["biomarker"],
            pairs.first[:, column],
            pairs.second[:, column],
            unit=row["unit"],
            limits=(row["limit_low"], row["difference"], row["limit_high"]),
        )
        if plot is not None and len(plots) < _MOST_PLOTS and row["role"] == "biomarker":
            plots.append(plot)
    return _Section(
        title=TITLES[pairs.design], meaning=_MEANINGS[pairs.design], pairs=pairs, rows=records, plots=plots
    )
