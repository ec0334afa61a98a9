"""The page of a run: how many images came through, what failed and why, and what the numbers look like.

`index.html` is one file without any link to the network; it leads to the pages of single images (`subject_pages`).
All text is escaped by the template engine, and a content security policy keeps both pages to their own folder.
"""

from __future__ import annotations

import datetime
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import retquant
from retquant.biomarkers.measurement import REASONS
from retquant.report.cohort_columns import QUALITY, ShownColumn, by_family, heading
from retquant.report.cohort_figures import HEIGHT, WIDTH
from retquant.report.cohort_hygiene import ShownHygiene, read_hygiene
from retquant.report.cohort_images import MEASURED, WAITING, Images, tally
from retquant.report.cohort_survey import CohortSurvey, survey_cohort
from retquant.report.page_templates import page_templates
from retquant.report.subject_pages import LABELS, PAGES, write_subject_data
from retquant.tables.files import write_file
from retquant.tables.outliers import FAR

INDEX = "index.html"
SUBJECT = f"{PAGES}/subject.html"

_NAMED = 200  # images named a kind of failure
_UNUSUAL = 24  # images named as outliers of many columns
_MANY = 3  # columns
_TALLIED = ("grade", "gate", "laterality_disagrees", "centring", "scale_source", "vessel_source")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the run's record and status say; the tables tell the rest."""

    state: str
    images: int  # in the manifest
    kept: int  # whose result or failure the latest run found there
    images_per_second: float  # 0 where the latest run did nothing
    seconds: float
    seconds_by_stage: Mapping[str, float]  # summed over images and workers
    started: str
    finished: str | None
    command: str
    version: str  # of retquant, that measured
    problem: str = ""
    models: Sequence[str] = ()
    sample: int | None = None  # people of a pilot
    forecast: Mapping[str, Any] | None = None  # of a pilot, as the run's record has it


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureKind:
    """Images that failed at the same stage with the same class of error."""

    stage: str
    error: str
    rows: tuple[int, ...]
    messages: tuple[tuple[str, int], ...]  # commonest first
    hints: tuple[tuple[str, int], ...]

    @property
    def named(self) -> tuple[int, ...]:
        """The first of them."""
        return self.rows[:_NAMED]


def write_cohort_page(out: Path, facts: RunFacts, *, tick: Callable[[str], None] = lambda text: None) -> Path:
    """Write `index.html` and the pages of its images into the run's folder; each file is whole or not there.

    Parameters
    ----------
    out : Path
        Folder of the run.
    facts : RunFacts
        What its record says.
    tick : callable
        Told what is being done.

    Raises
    ------
    OutputError
        There is no run in the folder, or it cannot be written.
    """
    found = survey_cohort(out, tick)
    tick("writing")
    write_subject_data(out, found)
    subject = page_templates().get_template("cohort_subject.html.j2").render(version=retquant.__version__)
    write_file(out, SUBJECT, subject.encode())
    images = found.images
    measured = {images.ids[row] for row in np.flatnonzero(images.state == MEASURED).tolist()}
    page = render_cohort_page(found, facts, read_hygiene(out, measured))
    return write_file(out, INDEX, page.encode(errors="replace"))


def render_cohort_page(found: CohortSurvey, facts: RunFacts, hygiene: ShownHygiene | None = None) -> str:
    """`index.html` as text."""
    images = found.images
    families = by_family(found.columns)
    with_values = {
        family: [column for column in columns if column.name in found.distributions]
        for family, columns in families.items()
    }
    return (
        page_templates()
        .get_template("cohort.html.j2")
        .render(
            facts=facts,
            images=images,
            hygiene=hygiene,
            n_measured=len(images.ids) - int((images.state == WAITING).sum()) - len(images.failures),
            n_waiting=max(0, max(facts.images, len(images.ids)) - int((images.state != WAITING).sum())),
            failures=failure_kinds(images),
            stages=_stages(facts),
            tallies=_tallies(images),
            quality=[column for family in QUALITY for column in with_values.get(family, [])],
            families=[
                (heading(f), columns) for f, columns in with_values.items() if f not in QUALITY and columns
            ],
            empty=[column for column in found.columns if _is_always_missing(column, found)],
            silent=sum(
                column.name not in found.distributions and column.name not in found.missing
                for column in found.columns
            ),
            distributions=found.distributions,
            missing=found.missing,
            reasons=REASONS,
            unusual=_unusual(found),
            n_summary=sum(column.name in found.distributions for column in found.summary),
            far=FAR,
            plot=(WIDTH, HEIGHT),
            link=_link,
            written=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            version=retquant.__version__,
        )
    )


def failure_kinds(images: Images) -> list[FailureKind]:
    """Failures by stage and error, most first."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for row, failure in sorted(images.failures.items()):
        kinds.setdefault((failure["stage"], failure["error"]), []).append(row)

    def commonest(rows: list[int], name: str) -> tuple[tuple[str, int], ...]:
        return tuple(Counter(t for row in rows if (t := images.failures[row][name])).most_common(3))

    found = [
        FailureKind(
            stage=stage,
            error=error,
            rows=tuple(rows),
            messages=commonest(rows, "message"),
            hints=commonest(rows, "hint"),
        )
        for (stage, error), rows in kinds.items()
    ]
    return sorted(found, key=lambda kind: -len(kind.rows))


def _link(image_id: str) -> str:
    """Address of an image's page from `index.html`, whatever its id holds."""
    return f"{SUBJECT}#{urllib.parse.quote(image_id, safe='')}"


def _stages(facts: RunFacts) -> list[tuple[str, float, float]]:
    """(stage, seconds, share of all), longest first."""
    total = sum(facts.seconds_by_stage.values())
    return [
        (stage, seconds, seconds / total if total else 0.0)
        for stage, seconds in sorted(facts.seconds_by_stage.items(), key=lambda item: -item[1])
    ]


def _tallies(images: Images) -> list[tuple[str, list[tuple[str, int, float]]]]:
    """(what, [(value, images, share)]) of the quality table's few-valued columns that say anything."""
    found = []
    for name in _TALLIED:
        counts = tally(images, name)
        if not any(value for value, _ in counts):
            continue
        total = sum(count for _, count in counts)
        named = {"True": "yes", "False": "no", "": "unknown" if name != "gate" else "nothing"}
        found.append(
            (LABELS[name], [(named.get(value, value), count, count / total) for value, count in counts])
        )
    return found


def _unusual(found: CohortSurvey) -> list[tuple[str, int]]:
    """(image, columns of which it is an outlier), most first."""
    order = np.argsort(-found.far, kind="stable")[:_UNUSUAL]
    return [(found.images.ids[row], int(found.far[row])) for row in order if found.far[row] >= _MANY]


def _is_always_missing(column: ShownColumn, found: CohortSurvey) -> bool:
    return column.name not in found.distributions and column.name in found.missing
