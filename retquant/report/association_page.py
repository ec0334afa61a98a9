"""The page that is opened first: what was tested, on whom, what came out, and what to be careful about.

One HTML file without any link to the network: styles, script and figures are inside, and a content security
policy keeps it so. All text is escaped by the template engine.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

import retquant
from retquant.association.associations import COLUMNS, RATIOS, Associations
from retquant.association.models import REFUSALS
from retquant.association.selection import told
from retquant.report import text
from retquant.report.calibration import calibration_figure
from retquant.report.citations import references_of
from retquant.report.correlation_map import correlation_map
from retquant.report.definitions import definition_entries
from retquant.report.dose_figure import dose_figure
from retquant.report.flow_figure import flow_figure
from retquant.report.forest import forest
from retquant.report.harmonisation_figure import HarmonisationFigure, harmonisation_figures
from retquant.report.levels_grid import levels_grids
from retquant.report.manhattan import manhattan
from retquant.report.methods import methods
from retquant.report.model_text import effect_name
from retquant.report.page_templates import page_templates, write_page_file
from retquant.report.quantile_plot import quantile_plot
from retquant.report.robustness_grid import robustness_grid
from retquant.report.subject_pages import PAGES
from retquant.report.volcano import volcano

_MOST_PLOTS = 6  # of harmonised biomarkers
_BROAD = 100  # tests from which the page speaks of families
_LARGER = {
    "binary": "higher odds",
    "ordinal": "higher odds",
    "count": "higher rate",
    "survival": "higher hazard",
    "continuous": "larger outcome",
}


def write_page(associations: Associations, path: Path) -> Path:
    """Write the page to `path` (aside first, then renamed)."""
    return write_page_file(path, render_page(associations, subjects=_subjects(associations, path)))


def render_page(associations: Associations, *, subjects: str = "") -> str:
    """The page as HTML; `subjects` is the way to the run's page of single images, where there is one."""
    study, table = associations.study, _plain(associations.table)
    is_ratio = study.kind in RATIOS and study.response == "outcome"
    paragraph = methods(associations)
    larger = _LARGER[study.kind] if study.response == "outcome" else "higher outcome"
    return (
        page_templates()
        .get_template("association.html.j2")
        .render(
            study=study,
            rows=table.to_dict("records"),
            columns=COLUMNS,
            definitions=associations.definitions,
            is_ratio=is_ratio,
            effect_name=effect_name(study),
            ratio_name=RATIOS.get(study.kind, ""),
            has_events=study.kind in ("binary", "survival"),
            has_e_values=bool(table["e_value"].notna().any()),
            larger=larger,
            smaller=larger.replace("higher", "lower").replace("larger", "smaller"),
            levels=levels_grids(associations, is_ratio=is_ratio),
            headline=associations.headline,
            forest=forest(table, is_ratio=is_ratio),
            volcano=volcano(table, is_ratio=is_ratio),
            **_closer(associations, table, is_ratio=is_ratio),
            harmonised=associations.harmonisation,
            harmonised_plots=_harmonised(associations, table),
            quantiles=quantile_plot(table),
            far=[] if associations.closer is None else associations.closer.far.to_dict("records"),
            subjects=subjects,
            n_tests=associations.n_tests,
            n_found=int((table["q"] < text.SIGNIFICANT).sum()),
            significant=text.SIGNIFICANT,
            missing=_missing(associations, table),
            robustness=robustness_grid(associations, is_ratio=is_ratio),
            selection=told(associations.selection) if associations.selection is not None else (),
            refused=table[table["reason"].notna()].to_dict("records"),
            refusals=REFUSALS,
            methods=paragraph,
            references=references_of(paragraph),
            entries=definition_entries(
                table["biomarker"],
                associations.definitions,
                dict(zip(table["biomarker"], table["unit"], strict=True)),
            ),
            is_broad=associations.n_tests > _BROAD and associations.families == 1,
            versions=associations.versions,
            version=retquant.__version__,
            written=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    )


def _closer(associations: Associations, table: pd.DataFrame, *, is_ratio: bool) -> dict[str, Any]:
    """What the page shows of the rows behind the table; None and nothing where only the table is known."""
    closer = associations.closer
    names = ("who", "table_one", "manhattan", "correlated", "effective", "doses", "flat_doses")
    if closer is None:
        return dict.fromkeys((*names, "errors", "has_noise", "prediction", "calibration"))
    drawn = [dose_figure(curve, is_ratio=is_ratio) for curve in closer.doses]
    return {
        "who": flow_figure(closer.flow),
        "table_one": closer.table_one,
        "manhattan": manhattan(table, effective=closer.effective, bar=text.SIGNIFICANT),
        "correlated": correlation_map(closer.correlations),
        "doses": [one for one in drawn if one is not None],
        "flat_doses": {
            reason: [one.biomarker for one in closer.doses if one.reason == reason]
            for reason in dict.fromkeys(one.reason for one in closer.doses if one.reason)
        },
        "has_noise": bool(closer.errors["design"].notna().any()),
        "errors": _plain_rows(closer.errors),
        "prediction": closer.prediction,
        "calibration": calibration_figure(closer.prediction),
        "effective": closer.effective,
    }


def _subjects(associations: Associations, path: Path) -> str:
    """The way from the page to the run's page of single images; empty where the run has none."""
    page = Path(associations.study.source) / PAGES / "subject.html"
    if not page.is_file():
        return ""
    return quote(Path(os.path.relpath(page.resolve(), path.parent.resolve())).as_posix())


def _harmonised(associations: Associations, table: pd.DataFrame) -> list[HarmonisationFigure]:
    """The strongest biomarkers before and after harmonising."""
    if associations.harmonisation is None:
        return []
    best = table.loc[table["p"].notna() & (table["role"] == "biomarker"), "biomarker"]
    return harmonisation_figures(associations.harmonisation, best.head(_MOST_PLOTS).tolist())


def _plain_rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows with None for all that is missing."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with None for every missing text and float for every number, as the figures expect."""
    table = table.copy()
    for name, (dtype, _) in COLUMNS.items():
        if dtype == "string":
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        elif name == "n_events":
            table[name] = table[name].astype("Float64").to_numpy(dtype=float, na_value=float("nan"))
    return table


def _missing(associations: Associations, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Biomarkers that some people of the study lack, most first, with the reasons given for images."""
    people = associations.study.n_people
    rows = [
        {
            "biomarker": row["biomarker"],
            "people": people - row["n_people"],
            "share": (people - row["n_people"]) / people,
            "reasons": dict(
                sorted(associations.missing.get(row["biomarker"], {}).items(), key=lambda item: -item[1])
            ),
        }
        for row in table.to_dict("records")
        if row["n_people"] < people
    ]
    return sorted(rows, key=lambda row: -row["people"])
