"""`retquant evaluate`: how well a model's masks agree with drawn ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retquant.training.scores import ImageScore


def evaluate(
    model: Annotated[str, typer.Argument(help="A model's name, or the folder of a bundle.")],
    dataset: Annotated[
        str,
        typer.Argument(help="Evaluation or training recipe (TOML), or a ready one: drive-test, fives, …."),
    ],
    data: Annotated[
        Path, typer.Option(envvar="RETQUANT_DATA", help="Folder that the recipe's paths are relative to.")
    ],
    hand: Annotated[
        str | None,
        typer.Option(help="Annotation hand to follow [default: the data set's where the model knows it]."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables, curves, maps of the errors and report.html.")
    ] = None,
    role: Annotated[
        str, typer.Option(help="test, or validation: only the persons that a training recipe holds out.")
    ] = "test",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    runtime: Annotated[
        str,
        typer.Option(help="torch, openvino (the extra of that name), or auto."),
    ] = "torch",
    mirrors: Annotated[
        bool,
        typer.Option(
            "--mirrors", help="Mean over an image and its three mirror images; four times the time."
        ),
    ] = False,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="Arteries and veins as the network gives them, not weighed along vessels."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    card: Annotated[bool, typer.Option("--card", help="Put the figures on the model's card.")] = False,
) -> None:
    """Judge MODEL on DATASET: Dice, AUC, clDice an image and their means."""
    from functools import partial

    from retquant.cli.outcome import say_json
    from retquant.config import RunConfig
    from retquant.pipeline import consistent_labels
    from retquant.segmentation.bundles import read_bundle
    from retquant.segmentation.segmenter import load_segmenter
    from retquant.training.evaluate import SECOND_OBSERVER, ready_recipe
    from retquant.training.evaluate import evaluate as judge
    from retquant.training.evaluation_files import EvaluationFolder
    from retquant.training.export import add_results
    from retquant.training.recipe import load_datasets

    bundle = read_bundle(model)
    for part in load_datasets(ready_recipe(dataset)):
        own = part.hand if part.hand in bundle.hands else None
        segmenter = load_segmenter(model, device=device, hand=hand or own, runtime=runtime, mirrors=mirrors)
        files = None if out is None else EvaluationFolder(out / part.name.replace(" ", "-").replace("/", "-"))
        judged = judge(
            segmenter,
            part,
            root=data,
            role=role,
            refine=None if raw else partial(consistent_labels, config=RunConfig()),
            report=None if as_json else _say_image,
            show=None if files is None else files.show,
        )
        if files is not None:
            files.write(judged, title=f"{bundle.name} on {part.name}")
        if card:
            bundle = add_results(bundle, [r for r in judged.results if r.hand != SECOND_OBSERVER])
        if as_json:
            say_json(judged.as_dict())
            continue
        for row in judged.results:
            figures = {
                "Dice": row.dice,
                "SD": row.dice_sd,
                "AUC": row.auc,
                "clDice": row.centerline_dice,
                "sensitivity": row.sensitivity,
                "specificity": row.specificity,
                "accuracy": row.accuracy,
                "precision": row.precision,
                "thin-vessel sensitivity": row.thin_sensitivity,
                "connectivity": row.connectivity,
                "found/drawn calibre": row.calibre_ratio,
                "Dice at the chosen threshold": row.dice_at_chosen,
                "labelled right on centre lines": row.line_accuracy,
                "error of the vertical cup-to-disc ratio": row.cdr_error,
                "error of the area": row.area_error,
                "median error in disc radii": row.error_radii,
            }
            said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None)
            typer.echo(f"{row.dataset} {row.target}, {row.images} images, hand {row.hand}: {said}")


def _say_image(score: ImageScore) -> None:
    figures = {
        "Dice": score.dice,
        "AUC": score.auc,
        "clDice": score.centerline_dice,
        "found/drawn calibre": score.calibre_ratio,
        "error in disc radii": score.error_radii,
    }
    said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if value == value)  # no NaN
    typer.echo(f"  {score.image} {score.target}: {said}", err=True)
