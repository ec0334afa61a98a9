"""`retquant cohort run|status|stop|hygiene|withdraw`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retquant.cli.cohort_hygiene import hygiene
from retquant.cli.cohort_page import page as page_command

app = typer.Typer(help="Measure a whole cohort, resumably, and see how far it is.", no_args_is_help=True)
app.command("page")(page_command)
app.command()(hygiene)


@app.command()
def run(
    manifest: Annotated[
        Path, typer.Argument(help="CSV, TSV or Parquet with a column `image`, a row an image.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results [default: beside the manifest, named after it]."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings (TOML) that may change a number.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Segmentation model [default: that of the settings].")
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(help="torch, openvino (the extra of that name), or auto [default: torch]."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes [default: by cores and memory]; 0 runs in this one.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads a worker.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running Dask scheduler, tcp://host:8786.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Authority (PEM) of a tls:// scheduler.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM) of this machine.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Key (PEM) of that certificate.")] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="i/n: do one of n parts, beside other jobs; a run without it then puts them together."
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="A pilot: the images of N people, drawn at random; ends with a forecast for all."),
    ] = None,
    page: Annotated[bool, typer.Option(help="Write DIR/index.html when done.")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    overlays: Annotated[bool, typer.Option("--overlays", help="One picture an image, DIR/overlays.")] = False,
    masks: Annotated[bool, typer.Option("--masks", help="1-bit masks, DIR/masks.")] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="8-bit probabilities beside the masks.")
    ] = False,
    store: Annotated[
        bool, typer.Option(help="Keep the model's maps, DIR/probabilities, to measure again from them.")
    ] = True,
    stage: Annotated[
        str, typer.Option(help="all; or measure: from stored probabilities, without a model.")
    ] = "all",
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="A standard error beside every value; five times the measuring."),
    ] = False,
    max_failures: Annotated[str | None, typer.Option(help="Stop when more images fail: N, or P%.")] = None,
    seconds_per_image: Annotated[
        float, typer.Option(help="Time after which an image is given up; 0 is no limit.")
    ] = 600.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed images again, too.")
    ] = False,
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="Try failed images again, and nothing else.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Measure every image again.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file again to see whether it changed.")
    ] = False,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="Let relative paths leave the manifest's folder.")
    ] = False,
    root: Annotated[Path | None, typer.Option(help="Refuse any path outside this folder.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to redo what a change makes stale.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for machines, on stdout.")] = False,
) -> None:
    """Segment and measure every image of MANIFEST; the same command goes on where it stopped."""
    from retquant.cli.cohort_run import RunRequest, carry_out

    request = RunRequest(
        manifest=manifest, out=out, config=config, model=model, runtime=runtime, workers=workers, threads=threads,
        tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key, store=store, stage=stage,
        scheduler=scheduler, shard=shard, sample=sample, page=page, device=device,
        overlays=overlays, masks=masks, probabilities=probabilities,
        uncertainty=uncertainty, max_failures=max_failures, seconds_per_image=seconds_per_image,
        retry_failed=retry_failed, only_failed=only_failed, force=force, verify=verify,
        allow_outside=allow_outside, root=root, yes=yes, quiet=quiet, as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(carry_out(request))


@app.command()
def status(
    out: Annotated[Path, typer.Argument(help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say how far a run is; it may be live, finished or dead."""
    from retquant.cli.cohort_watch import say_status

    say_status(out, as_json=as_json)


@app.command()
def stop(
    out: Annotated[Path, typer.Argument(help="Folder of a run that is at work.")],
    wait: Annotated[bool, typer.Option(help="Return when the run has ended.")] = True,
) -> None:
    """End a run from another shell: chunks in flight are finished, and what is done stays."""
    from retquant.cli.cohort_watch import stop_run

    stop_run(out, wait=wait)


@app.command()
def withdraw(
    out: Annotated[Path, typer.Argument(help="Folder of a run.")],
    ids: Annotated[
        Path, typer.Argument(help="Text file, a participant_id a line (image_id where there are none).")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Remove people who withdrew their consent from every table, picture and page, for good."""
    from retquant.cli.cohort_watch import withdraw_people

    withdraw_people(out, ids, as_json=as_json)
