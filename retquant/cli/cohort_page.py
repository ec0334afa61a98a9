"""`retquant cohort page DIR`: write the run's quality page and the pages of its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retquant.report.cohort_page import RunFacts


def page(out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")]) -> None:
    """Write DIR/index.html: counts, failures, quality, distributions, outliers, and a page an image."""
    from rich.console import Console

    from retquant.report.cohort_page import write_cohort_page

    with Console(stderr=True).status("reading") as status:
        written = write_cohort_page(out, run_facts(out), tick=lambda text: status.update(text))
    typer.echo(f"Page   {written}")


def run_facts(out: Path) -> RunFacts:
    """What the record of the run in `out` says, and whether it is alive.

    Raises
    ------
    OutputError
        There is no run in the folder.
    """
    from retquant.cohort import read_status
    from retquant.cohort.record import read_record
    from retquant.report.cohort_page import RunFacts

    status, record = read_status(out), read_record(out)
    assert record is not None  # or there would be no status
    return RunFacts(
        state=status.state,
        images=status.images,
        kept=record.counts.kept + record.counts.kept_failures,
        images_per_second=status.images_per_second,
        seconds=record.seconds,
        seconds_by_stage=record.seconds_by_stage,
        started=record.started,
        finished=record.finished,
        command=record.command,
        version=record.retquant,
        problem=record.problem,
        models=[model.name for model in record.models],
        sample=record.sample,
        forecast=None if record.forecast is None else record.forecast.model_dump(),
    )
