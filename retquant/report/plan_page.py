"""The first page of a plan's results: all outcomes at a glance, and the way to the page of each."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import retquant
from retquant.association.associations import RATIOS
from retquant.association.many import PlannedAssociations
from retquant.report import text
from retquant.report.association_page import write_page
from retquant.report.heat_map import heat_map
from retquant.report.page_templates import page_templates, write_page_file

_MOST_ROWS = 300


def write_plan_pages(found: PlannedAssociations, folder: Path) -> Path:
    """Write `index.html` and a page an outcome into `folder`; the path of the index."""
    pages = {one.study.outcome: page_name(one.study.outcome) for one in found.analyses}
    for one in found.analyses:
        write_page(one, folder / pages[one.study.outcome])
    tests = found.table[found.table["p"].notna()]
    page = (
        page_templates()
        .get_template("plan.html.j2")
        .render(
            plan=found.plan,
            headline=found.headline,
            families=found.families,
            refused=found.refused,
            analyses=found.analyses,
            pages=pages,
            best={outcome: rows.iloc[0].to_dict() for outcome, rows in tests.groupby("outcome")},
            counts={
                outcome: int((rows["q"] < text.SIGNIFICANT).sum())
                for outcome, rows in tests.groupby("outcome")
            },
            heat=heat_map(found.table, bar=text.SIGNIFICANT),
            rows=tests.head(_MOST_ROWS).to_dict("records"),
            n_rows=len(tests),
            ratios=RATIOS,
            significant=text.SIGNIFICANT,
            version=retquant.__version__,
            written=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    )
    return write_page_file(folder / "index.html", page)


def page_name(outcome: str) -> str:
    """File of an outcome's page; an outcome may hold anything, a file name may not."""
    plain = re.sub(r"[^\w.=-]+", "_", outcome)
    if plain == outcome and plain.lower() != "index":
        return f"{plain}.html"
    import hashlib

    return f"{plain[:60]}-{hashlib.sha256(outcome.encode()).hexdigest()[:8]}.html"
