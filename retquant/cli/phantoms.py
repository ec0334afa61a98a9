"""`retquant phantoms make|shapes`: digital eyes and closed-form shapes whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Digital retinas with exact truth, to prove an analysis on.", no_args_is_help=True)


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder; or one where this was interrupted.")],
    people: Annotated[int, typer.Option(min=1, help="Number of people.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same cohort.")] = 1,
    modality: Annotated[str, typer.Option(help="cfp (colour fundus photographs) or octa.")] = "cfp",
    size: Annotated[
        int | None, typer.Option(min=64, help="Pixels a side [default: 1024 for cfp, 304 for octa].")
    ] = None,
    masks: Annotated[bool, typer.Option("--masks/--no-masks", help="Write the masks of every eye.")] = True,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Draw pictures; without, they show the field only.")
    ] = True,
    disease: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=EFFECT:AMOUNT,…@SHARE",
            help="Plant this label instead of the usual two; may be given again. Effects: narrowing, widening, "
            "winding, dropout, nicking, cupping, avascular.",
        ),
    ] = None,
    one_eyed: Annotated[float, typer.Option(min=0, max=1, help="Share of people with one eye only.")] = 0.15,
    missing: Annotated[float, typer.Option(min=0, max=1, help="Share of labels left empty.")] = 0.0,
    sites: Annotated[int, typer.Option(min=1, help="Number of sites.")] = 2,
    records: Annotated[
        bool, typer.Option("--records", help="Everything that was drawn, one JSON an eye (some 400 kB).")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes [default: one a core]; 0 works in this one.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for machines, on stdout.")] = False,
) -> None:
    """Write a cohort of digital eyes: manifest, pictures, masks and the truth of each eye."""
    from retquant.cli.phantoms_make import MakeRequest, carry_out

    carry_out(
        MakeRequest(
            folder=folder, people=people, seed=seed, modality=modality, size=size, masks=masks, images=images,
            diseases=tuple(disease or ()), one_eyed=one_eyed, missing=missing, sites=sites, records=records,
            workers=workers, quiet=quiet, as_json=as_json,
        )
    )  # fmt: skip


@app.command()
def shapes(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Write the closed-form shapes at 0, 30, 60 and 90 degrees with their truth, to judge any program on."""
    from retquant.cli.phantoms_make import write_shape_set

    write_shape_set(folder, quiet=quiet)
