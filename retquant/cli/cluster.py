"""`retquant cluster show|start`: workers on Slurm, Kubernetes or other machines, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Workers on Slurm, Kubernetes, or machines reached by SSH, from a file.", no_args_is_help=True
)

File = Annotated[Path, typer.Argument(help="TOML; pipelines/slurm, kubernetes and ssh have examples.")]


@app.command()
def show(file: File) -> None:
    """Print what would be submitted, and submit nothing."""
    from retquant.cohort.cluster_file import as_submitted, read_cluster_file

    typer.echo(as_submitted(read_cluster_file(file)), nl=False)


@app.command()
def start(file: File) -> None:
    """Start the workers and print the address for `cohort run --scheduler`; Ctrl-C ends them."""
    import time

    from retquant.cohort.cluster_file import opened, read_cluster_file

    with opened(read_cluster_file(file)) as address:
        typer.echo(address)
        typer.echo(
            f"retquant cohort run MANIFEST --scheduler {address}; Ctrl-C here ends the workers", err=True
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            typer.echo("the workers are being ended", err=True)
