"""`retquant cohort run|status`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Measure a whole cohort, resumably, and see how far it is.", no_args_is_help=True)


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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    overlays: Annotated[bool, typer.Option("--overlays", help="One picture an image, DIR/overlays.")] = False,
    masks: Annotated[bool, typer.Option("--masks", help="1-bit masks, DIR/masks.")] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="8-bit probabilities beside the masks.")
    ] = False,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="A standard error beside every value; five times the measuring."),
    ] = False,
    max_failures: Annotated[str | None, typer.Option(help="Stop when more images fail: N, or P%.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed images again.")] = False,
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
        scheduler=scheduler, device=device, overlays=overlays, masks=masks, probabilities=probabilities,
        uncertainty=uncertainty, max_failures=max_failures, retry_failed=retry_failed, verify=verify,
        allow_outside=allow_outside, root=root, yes=yes, quiet=quiet, as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(carry_out(request))


@app.command()
def status(
    out: Annotated[Path, typer.Argument(help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say how far a run is; it may be live, finished or dead."""
    from dataclasses import asdict

    from retquant.cli.outcome import say_json
    from retquant.cohort.status import read_status

    found = read_status(out)
    if as_json:
        say_json({**asdict(found), "left": found.left})
        return
    typer.echo(
        f"{found.state}: {found.done} of {found.images} images done, {found.failed} failed, {found.left} left"
    )
    for kind, count in found.failures_by_kind.items():
        typer.echo(f"  {count} × {kind}")
    if found.problem:
        typer.echo(f"  ended with: {found.problem}")
    if found.holder:
        typer.echo(f"  held by {found.holder}")
    elif found.left:
        typer.echo(f"  to go on, give the same command again: {found.command}")
