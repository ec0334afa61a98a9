"""The command line: each command parses, calls one function, prints one summary, and exits with a stated code."""

from __future__ import annotations

import sys

import typer

from retquant.cli import (
    associate,
    biomarkers,
    cluster,
    cohort,
    convert,
    doctor,
    evaluate,
    export,
    manifest,
    models,
    phantoms,
    quantify,
    reliability,
    train,
)
from retquant.cli.outcome import exit_code, say_error
from retquant.errors import RetquantError

app = typer.Typer(
    name="retquant",
    help="Biomarkers of the retina, for whole cohorts: images in, proven numbers out. For research, not diagnosis.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich for it would double the time it takes
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cohort.app, name="cohort")
app.add_typer(cluster.app, name="cluster")
app.command()(quantify.quantify)
app.add_typer(biomarkers.app, name="biomarkers")
app.command(name="manifest")(manifest.make_manifest)
app.add_typer(models.app, name="models")
app.add_typer(phantoms.app, name="phantoms")
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(associate.associate)
app.command()(reliability.reliability)
app.command()(export.export)
app.command()(convert.convert)
app.command()(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from retquant import __version__

        typer.echo(f"retquant {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Parse the options that come before a command."""


def main() -> None:
    """Run the command line; a problem that a person can act on is one message, never a traceback."""
    try:
        app()
    except RetquantError as error:
        say_error(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        typer.echo("interrupted; what is done stays, and the same command goes on from there", err=True)
        sys.exit(130)
