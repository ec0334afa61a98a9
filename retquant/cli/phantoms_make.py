"""What `retquant phantoms make|shapes` do: a design from the options, eyes drawn in parallel, a summary."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retquant.cli.outcome import say_json
from retquant.cli.progress import counted

if TYPE_CHECKING:
    from retquant.phantoms import CohortDesign
    from retquant.phantoms.cohort_files import EyePlan, EyeRows

_SITES = ("north", "south", "east", "west")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeRequest:
    """The command's options, as given."""

    folder: Path
    people: int
    seed: int
    modality: str
    size: int | None
    masks: bool
    images: bool
    diseases: tuple[str, ...]
    one_eyed: float
    missing: float
    sites: int
    records: bool
    workers: int | None
    quiet: bool
    as_json: bool


def carry_out(request: MakeRequest) -> None:
    """Make the cohort and say what lies where."""
    from retquant.phantoms.cohort import eye_plans
    from retquant.phantoms.making import make_cohort

    design = design_of(request)
    plans = eye_plans(request.people, request.seed, design=design)
    workers = (os.cpu_count() or 1) if request.workers is None else request.workers

    def over(write: Callable[[EyePlan], EyeRows], eyes: Sequence[EyePlan]) -> Iterator[EyeRows]:
        with (
            _mapping(min(workers, len(eyes))) as mapped,
            counted("eyes", len(eyes), quiet=request.quiet) as step,
        ):
            for rows in mapped(write, eyes):
                step()
                yield rows

    manifest = make_cohort(request.folder, request.people, request.seed, design=design, over=over)
    people = len({plan.person.participant_id for plan in plans})
    if request.as_json:
        say_json(
            {
                "manifest": str(manifest),
                "truth": str(manifest.with_name("truth.csv")),
                "people": people,
                "eyes": len(plans),
                "labels": list(plans[0].person.labels),
            }
        )
    elif not request.quiet:
        _say_summary(request, manifest, people, plans)


def design_of(request: MakeRequest) -> CohortDesign:
    """The cohort's design: an unknown modality, effect or share is an error before anything is drawn."""
    from retquant.errors import ConfigError
    from retquant.phantoms import CohortDesign, Disease

    if not (request.masks or request.images):
        raise ConfigError(
            "neither pictures nor masks are wanted", where="--no-images", remedy="leave out one of the two"
        )
    side = request.size or (304 if request.modality == "octa" else 1024)
    sites = _SITES[: request.sites] + tuple(f"site_{n}" for n in range(len(_SITES) + 1, request.sites + 1))
    return CohortDesign(
        size=(side, side),
        modality=request.modality,
        one_eyed=request.one_eyed,
        diseases=tuple(Disease.parse(text) for text in request.diseases),
        sites=sites,
        missing=request.missing,
        masked=1.0 if request.masks else 0.0,
        masks=("vessel", "artery", "vein", "disc", "cup"),
        pictured=request.images,
        picture="jpg" if request.images and request.modality == "cfp" else "png",
        columns=True,
        records=request.records,
    )


def write_shape_set(folder: Path, *, quiet: bool) -> None:
    """Write the closed-form shapes into an empty folder."""
    from retquant.errors import ConfigError
    from retquant.phantoms.shape_set import ROTATIONS, SHAPES, write_shapes

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("the folder is not empty", where=str(folder), remedy="name a new folder")
    with counted("pictures", len(SHAPES) * len(ROTATIONS), quiet=quiet) as step:
        truth = write_shapes(folder, each=lambda *_: step())
    if not quiet:
        typer.echo(f"{len(SHAPES)} shapes at {len(ROTATIONS)} rotations")
        typer.echo(f"Masks  {folder}/*.png (8-bit coverage, 5 um a pixel)")
        typer.echo(f"Truth  {truth}")


def _say_summary(request: MakeRequest, manifest: Path, people: int, plans: Sequence[EyePlan]) -> None:
    labels = ", ".join(plans[0].person.labels)
    typer.echo(f"{len(plans)} eyes of {people} people; planted: {labels}")
    typer.echo(f"Manifest  {manifest}")
    typer.echo(f"Pictures  {request.folder}/images{'' if request.images else ' (the field only)'}")
    if request.masks:
        typer.echo(f"Masks     {request.folder}/masks")
    typer.echo(f"Truth     {request.folder}/truth.csv (knobs, and the true value of each biomarker)")
    if request.records:
        typer.echo(f"Records   {request.folder}/records")
    typer.echo(f"Next      retquant cohort run {manifest}")


Mapped = Callable[[Callable[["EyePlan"], "EyeRows"], Sequence["EyePlan"]], Iterable["EyeRows"]]


@contextmanager
def _mapping(workers: int) -> Iterator[Mapped]:
    """A `map` in the order of what it is given, over `workers` processes, or in this one for 0 and 1."""
    if workers < 2:
        yield map
        return
    from multiprocessing import get_context

    # Interrupts are for this process, which then stops the others: an eye half written has no name yet.
    with get_context("spawn").Pool(workers, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield pool.imap
