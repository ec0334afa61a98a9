"""`retquant doctor`: what is wrong with this installation, machine or cluster, and the line that mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    out: Annotated[Path, typer.Option(help="Folder that results would be written to.")] = Path(),
    config: Annotated[Path | None, typer.Option(help="Settings (TOML) of the run in mind.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler of the run in mind.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="For machines, on stdout.")] = False,
) -> None:
    """Check installation, machine, models, folders and workers, and measure one drawn eye; exit 1 on a fault."""
    from dataclasses import asdict

    from retquant.cli.outcome import say_json
    from retquant.config import RunConfig, load_config
    from retquant.doctor import examine

    settings = RunConfig() if config is None else load_config(config)
    found = []
    for finding in examine(settings, out=out, scheduler=scheduler, device=device):
        found.append(finding)
        if not as_json:
            typer.echo(f"{finding.state:<5}  {finding.about:<16} {finding.said}")
            if finding.remedy:
                typer.echo(f"{'':<24}Try: {finding.remedy}")
    faults = sum(finding.state == "fault" for finding in found)
    if as_json:
        say_json([asdict(finding) for finding in found])
    else:
        typer.echo(f"{faults} faults" if faults else "ready to run")
    if faults:
        raise typer.Exit(1)
