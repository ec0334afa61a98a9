"""What `retquant cohort run` does: settings together, run, summary."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retquant.cli.outcome import DONE_WITH_FAILURES, say_json

if TYPE_CHECKING:
    from retquant.cohort.run import RunSummary
    from retquant.config import RunConfig
    from retquant.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The command's options, as given."""

    manifest: Path
    out: Path | None
    config: Path | None
    model: str | None
    runtime: str | None
    workers: int | None
    threads: int
    scheduler: str | None
    device: str
    overlays: bool
    masks: bool
    probabilities: bool
    uncertainty: bool
    max_failures: str | None
    retry_failed: bool
    verify: bool
    allow_outside: bool
    root: Path | None
    yes: bool
    quiet: bool
    as_json: bool


def carry_out(request: RunRequest) -> int:
    """Run the cohort and say what came of it; the exit code."""
    from retquant.cli.progress import cohort_progress
    from retquant.cohort import ClusterSettings, CohortSettings, FailureLimit
    from retquant.manifest import read_manifest
    from retquant.pipeline import run_cohort
    from retquant.segmentation.models import models_in_use

    manifest = read_manifest(request.manifest, allow_outside=request.allow_outside, root=request.root)
    modalities = {record.modality for record in manifest.records}
    config = _config(request, modalities)
    if not request.quiet:
        _say_start(manifest, [b.licence_note for b in models_in_use(config.segmentation, modalities)])
    settings = CohortSettings(
        cluster=ClusterSettings(
            workers=request.workers, scheduler=request.scheduler, threads=request.threads
        ),
        max_failures=FailureLimit.parse(request.max_failures) if request.max_failures else None,
        agreed=request.yes,
        verify=request.verify,
        retry_failed=request.retry_failed,
        command=shlex.join(["retquant", *sys.argv[1:]]),
    )
    with cohort_progress(len(manifest.records), quiet=request.quiet) as progress:
        summary = run_cohort(
            manifest,
            request.out,
            config=config,
            settings=settings,
            device=request.device,
            overlays=request.overlays,
            masks=request.masks,
            probabilities=request.probabilities,
            progress=progress,
        )
    if request.as_json:
        say_json(_as_dict(summary))
    elif not request.quiet:
        _say_summary(summary, request)
    return DONE_WITH_FAILURES if summary.failures else 0


def _config(request: RunRequest, modalities: Collection[str]) -> RunConfig:
    from retquant.config import RunConfig, load_config
    from retquant.segmentation.models import with_model
    from retquant.segmentation.runtime import with_runtime

    config = load_config(request.config) if request.config else RunConfig()
    if request.model is not None:
        segmentation = with_model(config.segmentation, request.model, modalities)
        config = config.model_copy(update={"segmentation": segmentation})
    if request.runtime is not None:
        config = with_runtime(config, request.device, request.runtime)
    if request.uncertainty:
        biomarkers = config.biomarkers.model_copy(update={"uncertainty": True})
        config = config.model_copy(update={"biomarkers": biomarkers})
    return config


def _say_start(manifest: Manifest, licence_notes: Sequence[str]) -> None:
    people = {r.participant_id for r in manifest.records if r.participant_id is not None}
    of_people = f" of {len(people)} people" if people else ""
    typer.echo(f"{len(manifest.records)} images{of_people} in {manifest.path}", err=True)
    for note in (*manifest.notes, *licence_notes):
        typer.echo(note, err=True)


def _say_summary(summary: RunSummary, request: RunRequest) -> None:
    """Short: what was done, what failed, where things are, what to do next."""
    rate = (
        f" in {_duration(summary.seconds)} ({summary.images_per_second:.2f} images/s)" if summary.done else ""
    )
    kept = f"; {summary.kept} were done before" if summary.kept else ""
    typer.echo(f"{summary.done} images measured{rate}{kept}.")
    if summary.failures:
        typer.echo(f"{summary.failures} failed; see why: retquant cohort status {summary.out}")
    typer.echo(
        f"Tables      {summary.out}/biomarkers (and vessels, quality, missing, failures, dictionary, …)"
    )
    if request.overlays:
        typer.echo(f"Overlays    {summary.out}/overlays")
    if request.masks or request.probabilities:
        typer.echo(f"Masks       {summary.out}/masks")
    typer.echo(f"Run record  {summary.out}/run.json")
    typer.echo(f'Load them   retquant.load_biomarkers("{summary.out}")')


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
    )


def _as_dict(summary: RunSummary) -> dict[str, object]:
    return {
        "out": str(summary.out),
        "images": summary.images,
        "done": summary.done,
        "failed": summary.failed,
        "kept": summary.kept,
        "kept_failures": summary.kept_failures,
        "seconds": summary.seconds,
        "images_per_second": summary.images_per_second,
        "seconds_by_stage": dict(summary.seconds_by_stage),
    }
