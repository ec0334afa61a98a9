"""`retquant convert automorph|vascx|pvbm FILE`: other programs' numbers under our names, where comparable."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retquant.compatibility import Conversion


class Source(StrEnum):
    """Programs whose tables can be read."""

    automorph = "automorph"
    vascx = "vascx"
    pvbm = "pvbm"


class Region(StrEnum):
    """Regions that a file of AutoMorph's may be about."""

    fov = "fov"
    zone_b = "zone_b"
    zone_c = "zone_c"


def convert(
    source: Annotated[Source, typer.Argument(help="Program that wrote the tables.")],
    files: Annotated[list[Path], typer.Argument(help="Its CSV files; several are joined on the image.")],
    out: Annotated[
        Path | None, typer.Option(help="Table to write, .parquet or .csv [default: beside the first FILE].")
    ] = None,
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometres that a pixel of theirs spans, for what is in pixels.")
    ] = None,
    region: Annotated[
        Region | None, typer.Option(help="What AutoMorph's file is about, where its name does not tell.")
    ] = None,
    keep_all: Annotated[
        bool,
        typer.Option("--all", help="Keep what is not comparable too, under its own name (pvbm:D0_artery)."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing table.")] = False,
) -> None:
    """Name another program's measurements as retquant does, where the definitions agree."""
    from retquant.compatibility import convert as convert_tables
    from retquant.compatibility import program, write_table
    from retquant.errors import ConfigError, OutputError

    target = out or files[0].with_name(f"{files[0].stem}_retquant.parquet")
    if target.exists() and not force:
        raise OutputError(
            "there is a file already", where=str(target), remedy="--force replaces it, --out writes elsewhere"
        )
    conversion = convert_tables(
        program(source.value),
        files,
        um_per_px=um_per_px,
        region=region.value if region else None,
        keep_all=keep_all,
    )
    _say(conversion)
    table = conversion.table
    if table.num_columns == 1:
        raise ConfigError(
            "none of its columns is comparable with ours as it is, for the reasons above",
            where=str(files[0]),
            remedy="--um-per-px for what is in pixels, or --all to keep the numbers under their own names",
        )
    write_table(table, target)
    typer.echo(f"Wrote {target}: {table.num_rows} images, {table.num_columns - 1} columns")


def _say(conversion: Conversion) -> None:
    """What became of each column."""
    for fate in ("mapped", "rescaled", "left out"):
        columns = conversion.of(fate)
        if not columns:
            continue
        typer.echo(f"{fate} ({len(columns)}):")
        for column in columns:
            arrow = f" -> {column.ours}" if column.ours else ""
            typer.echo(f"  {column.theirs}{arrow} ({column.n} values): {column.why}")
