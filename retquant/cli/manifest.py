"""`retquant manifest FOLDER`: from a folder of images to a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def make_manifest(
    folder: Annotated[
        Path, typer.Argument(help="Folder of images, searched with its subfolders and archives.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where to write it [default: FOLDER/manifest.csv].")
    ] = None,
    pattern: Annotated[
        str,
        typer.Option(
            help="How paths name people and eyes: drive, idrid, odir, ukb, auto, or '{participant_id}_{eye}'."
        ),
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing manifest.")] = False,
) -> None:
    """Write a manifest of the images in FOLDER, and say what was understood of their names."""
    from retquant.errors import OutputError
    from retquant.images.archive import member_names
    from retquant.images.headers import header_columns
    from retquant.manifest.discover import Openers, discover, write_manifest

    target = out or folder / "manifest.csv"
    if target.exists() and not force:
        raise OutputError(
            "there is a file already", where=str(target), remedy="--force replaces it, --out writes elsewhere"
        )
    openers = Openers(members=member_names, columns=header_columns)
    found = discover(folder, pattern=None if pattern == "auto" else pattern, openers=openers)
    write_manifest(found, target)
    typer.echo(
        f"{found.n_images} images, {found.n_people} people, {found.n_eyes} eyes (pattern: {found.pattern})"
    )
    if found.not_understood:
        typer.echo(
            f"{len(found.not_understood)} names were not understood; these images have no person or eye:"
        )
        for path in found.not_understood[:10]:
            typer.echo(f"  {path}")
        if len(found.not_understood) > 10:
            typer.echo(f"  … and {len(found.not_understood) - 10} more")
    for path in found.unread:
        typer.echo(f"{path} could not be listed; its images are not in the manifest")
    typer.echo(f"Wrote {target}; next: retquant cohort run {target}")
