"""Progress on stderr: a bar with rate and time left, silent when asked or when nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from retquant.cohort import Progress as CohortProgress
    from retquant.training.trainer import Report


def _bar(*, quiet: bool) -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        disable=quiet,
    )


@contextmanager
def training_progress(steps: int, *, quiet: bool) -> Iterator[Callable[[Report], None]]:
    """A bar over training steps; validation scores are printed above it as they come."""
    with _bar(quiet=quiet) as bar:
        task = bar.add_task("training", total=steps, note="")

        def report(state: Report) -> None:
            bar.update(
                task, completed=state.step, note=f"loss {state.loss:.3f}, {state.seconds_per_step:.1f} s/step"
            )
            if state.validation is not None and not quiet:
                scores = ", ".join(f"{name} {value:.4f}" for name, value in state.validation.items())
                bar.console.print(f"step {state.step}: Dice {scores}")

        yield report


@contextmanager
def cohort_progress(images: int, *, quiet: bool) -> Iterator[Callable[[CohortProgress], None]]:
    """A bar over the images of a cohort, with rate, failures and time left."""
    with _bar(quiet=quiet) as bar:
        task = bar.add_task("images", total=images, note="")
        said_where = said_end = False

        def report(state: CohortProgress) -> None:
            nonlocal said_where, said_end
            if state.dashboard and not said_where and not quiet:
                bar.console.print(f"Dask dashboard: {state.dashboard}", highlight=False)
                said_where = True
            if state.ending and not said_end:  # also where asked to be quiet: a key was pressed
                bar.console.print(
                    f"{state.ending}: finishing the chunks in flight; Ctrl-C again ends at once",
                    highlight=False,
                )
                said_end = True
            failures = f", {state.failed} failed" if state.failed else ""
            bar.update(
                task,
                total=state.total,  # a pilot or a shard has fewer than the manifest
                completed=state.kept + state.done + state.failed,
                note=f"{state.images_per_second:.2f} images/s{failures}",
            )

        yield report


@contextmanager
def counted(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar over `total` things of one kind; call what it gives after each of them."""
    with _bar(quiet=quiet) as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda: bar.update(task, advance=1)
