"""`retquant quantify IMAGE…`: one or a few images, no manifest, a table on the screen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from retquant.analysis import Analysis
    from retquant.errors import RetquantError


def quantify(
    images: Annotated[list[Path], typer.Argument(help="Fundus photographs.")],
    biomarkers: Annotated[str, typer.Option(help="Glob over the biomarkers to print.")] = "*",
    model: Annotated[str | None, typer.Option(help="Segmentation model.")] = None,
    runtime: Annotated[
        str | None,
        typer.Option(help="torch, openvino (the extra of that name), or auto [default: torch]."),
    ] = None,
    overlay: Annotated[Path | None, typer.Option(help="Folder for one overlay picture an image.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table to this CSV file.")] = None,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="A standard error beside every value; five times the measuring."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Measure one or a few IMAGES and print their biomarkers; for more than a few, use `retquant cohort run`."""
    from retquant.cli.outcome import DONE_WITH_FAILURES, say_error, say_json
    from retquant.config import BiomarkerSettings, RunConfig, SegmentationSettings
    from retquant.pipeline import quantify as measure
    from retquant.segmentation.models import models_in_use, with_model
    from retquant.segmentation.runtime import with_runtime

    segmentation = SegmentationSettings()
    config = RunConfig(
        segmentation=with_model(segmentation, model, ["cfp"]) if model else segmentation,
        biomarkers=BiomarkerSettings(include=(biomarkers,), uncertainty=uncertainty),
    )
    if runtime is not None:
        config = with_runtime(config, device, runtime)
    for bundle in models_in_use(config.segmentation, ["cfp"]):
        typer.echo(bundle.licence_note, err=True)
    failed: list[Path] = []

    def leave_out(path: Path, error: RetquantError) -> None:
        failed.append(path)
        say_error(error)

    table = measure(
        images,
        config=config,
        device=device,
        report=None if overlay is None else _saver(overlay),
        on_error=leave_out,
    )
    if csv is not None:
        from retquant.manifest.formulas import neutral_table

        neutral_table(table).to_csv(csv)
    if as_json:
        say_json({name: row.dropna().to_dict() for name, row in table.iterrows()})
    elif len(table):
        _print(table)
    if failed:
        raise typer.Exit(DONE_WITH_FAILURES if len(table) else 1)


def _print(table: pd.DataFrame) -> None:
    """One line a biomarker, one column an image; what is missing in all of them is counted, not listed."""
    from rich.console import Console
    from rich.table import Table

    units = table.attrs["units"]
    shown = table.dropna(axis="columns", how="all")
    grid = Table("biomarker", "unit", *map(str, table.index), box=None, pad_edge=False)
    names = [name for name in shown.columns if not name.endswith("__se")]
    for name in names:
        errors = shown.get(f"{name}__se", [math.nan] * len(shown))
        grid.add_row(name, units[name], *map(_cell, shown[name], errors))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 80 + 20 * len(table))
    console.print(grid)
    absent = sum(not name.endswith("__se") for name in table.columns) - len(names)
    if absent:
        typer.echo(
            f"{absent} more need what these images do not have (a scale, a disc, arteries and veins).",
            err=True,
        )


def _cell(value: float, error: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.5g}" if math.isnan(error) else f"{value:.5g} ± {error:.2g}"


def _saver(folder: Path):  # type: ignore[no-untyped-def]
    from retquant.report.overlay import draw_overlay, overlay_png

    folder.mkdir(parents=True, exist_ok=True)

    def save(analysis: Analysis) -> None:
        drawn = draw_overlay(
            analysis.image,
            analysis.segmentation,
            analysis.graphs,
            analysis.anatomy,
            caption=analysis.record.image_id,
        )
        (folder / f"{analysis.record.image_id}.png").write_bytes(overlay_png(drawn))

    return save
