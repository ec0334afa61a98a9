"""What `retquant cohort run` does: settings together, run, summary."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from retquant.cli.durations import duration
from retquant.cli.outcome import DONE_WITH_FAILURES, say_json
from retquant.errors import ConfigError

if TYPE_CHECKING:
    from retquant.cohort import RunSummary
    from retquant.cohort.plan import Redo
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
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    shard: str | None
    sample: int | None
    page: bool
    device: str
    overlays: bool
    masks: bool
    probabilities: bool
    store: bool
    stage: str
    uncertainty: bool
    max_failures: str | None
    seconds_per_image: float
    retry_failed: bool
    only_failed: bool
    force: bool
    verify: bool
    allow_outside: bool
    root: Path | None
    yes: bool
    quiet: bool
    as_json: bool


def carry_out(request: RunRequest) -> int:
    """Run the cohort and say what came of it; the exit code."""
    from retquant.cli.progress import cohort_progress
    from retquant.cohort import ClusterSettings, CohortSettings, FailureLimit, Shard, tls_files
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
            workers=request.workers,
            scheduler=request.scheduler,
            threads=request.threads,
            security=tls_files(request.tls_ca, request.tls_cert, request.tls_key),
        ),
        max_failures=FailureLimit.parse(request.max_failures) if request.max_failures else None,
        agreed=request.yes,
        verify=request.verify,
        redo=_redo(request),
        seconds_per_image=request.seconds_per_image,
        shard=Shard.parse(request.shard) if request.shard else None,
        sample=request.sample,
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
            store=request.store,
            stage=_stage(request.stage),
            progress=progress,
        )
    page = _page(summary, request)
    if request.as_json:
        say_json(_as_dict(summary))
    elif not request.quiet:
        _say_summary(summary, request, page)
    return DONE_WITH_FAILURES if summary.failures else 0


def _stage(wanted: str) -> Literal["all", "measure"]:
    match wanted:
        case "all" | "measure":
            return wanted
    raise ConfigError(f"there is no stage {wanted!r}", where="--stage", remedy="all, or measure")


def _redo(request: RunRequest) -> Redo:
    asked: dict[str, Redo] = {}
    if request.retry_failed:
        asked["--retry-failed"] = "failed"
    if request.only_failed:
        asked["--only-failed"] = "only failed"
    if request.force:
        asked["--force"] = "all"
    if len(asked) > 1:
        raise ConfigError(f"{' and '.join(asked)} exclude each other", remedy="give one of them")
    return next(iter(asked.values()), "changed")


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


def _page(summary: RunSummary, request: RunRequest) -> Path | None:
    """Write the quality page, unless it is there and the run found nothing to do; a shard has none."""
    from retquant.cli.cohort_page import run_facts
    from retquant.report.cohort_page import INDEX, write_cohort_page

    if not request.page or request.shard:
        return None
    page = summary.out / INDEX
    did_something = (
        summary.done or summary.failed or summary.hygiene is not None or summary.forecast is not None
    )
    if did_something or not page.exists():
        write_cohort_page(summary.out, run_facts(summary.out))
    return page


def _say_summary(summary: RunSummary, request: RunRequest, page: Path | None) -> None:
    """Short: what was done, what failed, where things are, what to do next."""
    rate = (
        f" in {duration(summary.seconds)} ({summary.images_per_second:.2f} images/s)" if summary.done else ""
    )
    kept = f"; {summary.kept} were done before" if summary.kept else ""
    typer.echo(f"{summary.done} images measured{rate}{kept}.")
    if summary.failures:
        typer.echo(f"{summary.failures} failed; see why: retquant cohort status {summary.out}")
    if summary.hygiene is not None:
        typer.echo(f"Hygiene     {summary.hygiene.sentence}")
        if summary.hygiene.kinds:
            typer.echo(f"            which: {summary.out}/hygiene.csv")
    typer.echo(
        f"Tables      {summary.out}/biomarkers (and vessels, quality, missing, failures, dictionary, …)"
    )
    if request.overlays:
        typer.echo(f"Overlays    {summary.out}/overlays")
    if request.masks or request.probabilities:
        typer.echo(f"Masks       {summary.out}/masks")
    if page is not None:
        typer.echo(f"Page        {page}")
    typer.echo(f"Run record  {summary.out}/run.json")
    if request.shard:
        typer.echo(
            "Next        when all shards are done: the same command without --shard puts them together"
        )
        return
    if request.sample is not None:
        _say_forecast(summary)
    typer.echo(f'Load them   retquant.load_biomarkers("{summary.out}")')


def _say_forecast(summary: RunSummary) -> None:
    found = summary.forecast
    if found is None:
        typer.echo("Forecast    none: no chunk was timed by the present settings")
        return
    typer.echo(f"Forecast    {found.sentence}")
    for each in found.hours:
        said = duration(each.hours * 3600)
        if each.low is not None and each.high is not None:
            said += f" ({duration(each.low * 3600)} to {duration(each.high * 3600)})"
        here = ", as in the pilot" if each.workers == found.workers else ""
        typer.echo(f"            {each.workers:4d} worker{'s' if each.workers > 1 else ' '}  {said}{here}")
    typer.echo(f"            disk: {found.gb:.3g} GB, {found.gb_fullest:.3g} GB before parts are merged")
    typer.echo("Next        the same command without --sample does the rest")


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
        "hygiene": None if summary.hygiene is None else summary.hygiene.as_dict(),
        "forecast": None if summary.forecast is None else summary.forecast.model_dump(),
    }
