"""`retquant cohort hygiene DIR`: look for pictures under two names, swapped eyes and several pictures of an eye."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retquant.hygiene import Hygiene

_SHOWN = 20  # grave findings that are printed


def hygiene(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run that is not at work.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List pictures under two names and swapped eyes, and mark the best picture of each eye; removes nothing."""
    from retquant.cli.outcome import say_json
    from retquant.cohort.lock import locked
    from retquant.cohort.record import read_record
    from retquant.errors import OutputError
    from retquant.hygiene import examine

    if read_record(out) is None:
        raise OutputError("there is no run here", where=str(out), remedy="give the folder of a run")
    with locked(out):
        found = examine(out)
    if as_json:
        say_json(found.as_dict())
    else:
        _say(out, found)


def _say(out: Path, found: Hygiene) -> None:
    from retquant.hygiene.examine import in_words
    from retquant.tables.reader import read_table

    typer.echo(f"{found.images} images: " + ("" if found.kinds or found.several else "nothing suspect"))
    for (kind, between), count in found.kinds.items():
        typer.echo(f"  {count} × {in_words(kind, between)}")
    if found.several:
        typer.echo(
            f"  {found.several} pictures beside a better one of the same eye and visit (`primary` is false)"
        )
    if found.keeps_own_primary:
        typer.echo("  the manifest has a column `primary`, which stays as it is")
    if found.grave:
        typer.echo("Grave, since results may stand under another name:")
        rows = read_table(out, "hygiene").slice(0, _SHOWN).to_pylist()  # gravest first
        for row in (row for row in rows if row["is_grave"]):
            typer.echo(f"  {row['image_id']} and {row['other_image_id']}: {row['meaning']}")
    if found.kinds:
        typer.echo(
            f"All of them   {out}/hygiene.csv (table {out}/hygiene); nothing was left out of any table"
        )
