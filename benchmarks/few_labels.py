"""What five labelled images of one's own are worth: the recipe for few labels, as a user would run it.

    python -m benchmarks.few_labels --data DIR --work DIR [--seeds 0,1,2] [--markdown FILE]

The camera that `fundus-general` never saw is DRIVE's. Each seed draws five of persons 21 to 36, puts their photographs
and vessels into a folder as the recipe `few-labels` asks, trains, and judges on persons 37 to 40, who choose nothing.
Beside it: the bundle before, under each of its hands, and the same steps from random weights. What else the bundle
knows is judged on HRF, which it learned from. A run that has its line in `WORK/results.jsonl` is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.accuracy_pages import table
from benchmarks.foundation_worth import mean_and_spread, read_lines
from retquant.config import RunConfig
from retquant.pipeline import consistent_labels
from retquant.segmentation.segmenter import load_segmenter
from retquant.training.datasets import find_examples, split
from retquant.training.evaluate import evaluate
from retquant.training.recipe import DatasetRecipe, TrainingRecipe, load_datasets, load_recipe
from retquant.training.run import run_training
from retquant.training.truth import read_truth

RECIPES = Path(__file__).resolve().parents[1] / "pipelines" / "training"
IMAGES = 5
OTHERS = ("DRIVE artery", "DRIVE vein", "HRF vessel")  # whose Dice is told, too
FIGURES = ("dice", "auc", "centerline_dice", "calibre_ratio")


PROSE = """Written by `python -m benchmarks.few_labels --data DIR --work DIR --markdown FILE`. `fundus-general` never
saw DRIVE. The recipe `few-labels` was run as it ships on the vessels of five images drawn from DRIVE 21 to 36
({seconds:.0f} CPU seconds, median), and judged on DRIVE 37 to 40, at the images' own resolution inside the field;
mean ± SD over seeds (n of them), each with its own five. *From random weights*: the same images and steps without the
bundle. HRF: four held-out images of a set that the bundle learned from, under its own hand before, under the new one
after.
"""


def cameras() -> tuple[DatasetRecipe, DatasetRecipe]:
    """The set whose camera is new, and one that the bundle learned from."""
    sets = {dataset.name: dataset for dataset in load_datasets(RECIPES / "fundus-research.toml")}
    return sets["DRIVE"], sets["HRF"]


def put_images(camera: DatasetRecipe, data: Path, folder: Path, *, seed: int) -> list[str]:
    """Photographs and vessels of five persons, as the recipe wants them; who they are."""
    training, _ = split(camera, find_examples(camera, data))
    chosen = sorted(np.random.default_rng(seed).choice(len(training), size=IMAGES, replace=False))
    for part in ("images", "vessels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in chosen:
        example = training[index]
        with Image.open(example.image) as photograph:
            rgb = photograph.convert("RGB")
        rgb.save(folder / "images" / f"{example.person}.png")
        drawn = read_truth(example.truth["vessel"], rgb.size[::-1])
        Image.fromarray(drawn).save(folder / "vessels" / f"{example.person}.png")
    return [training[index].person for index in chosen]


def judge(model: str, hand: str, data: Path) -> dict[str, dict[str, float]]:
    """Data set and target -> figures, on the persons that are held out."""
    segmenter, settings = load_segmenter(model, device="cpu", hand=hand), RunConfig()
    new, old = cameras()
    own = "hrf" if "hrf" in segmenter.bundle.hands else hand
    figures = {}
    for dataset, under in ((new, hand), (old, own)):
        if under != hand:
            segmenter = load_segmenter(model, device="cpu", hand=under)
        judged = evaluate(
            segmenter,
            dataset,
            root=data,
            role="validation",
            refine=lambda image, found: consistent_labels(image, found, settings),
        )
        for result in judged.results:
            wanted = {name: getattr(result, name, None) for name in FIGURES}
            figures[f"{dataset.name} {result.target}"] = {k: v for k, v in wanted.items() if v is not None}
    return figures


def runs(seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """What is to be done: the bundle as it is, then both beginnings for each seed."""
    for hand in ("chase", "fives", "hrf"):
        yield {"kind": "before", "hand": hand, "seed": None}
    for seed in seeds:
        for kind in ("fine-tuned", "from random weights"):
            yield {"kind": kind, "hand": "own", "seed": seed}


def carry_out(data: Path, work: Path, seeds: Sequence[int]) -> None:
    """Do what is missing, a line a run."""
    work.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe(RECIPES / "few-labels.toml", TrainingRecipe)
    for key in runs(seeds):
        if any(all(line[k] == v for k, v in key.items()) for line in read_lines(work / "results.jsonl")):
            continue
        about: dict[str, Any] = {}
        model = str(recipe.init)
        if key["kind"] != "before":
            own = work / f"seed-{key['seed']}"
            about["persons"] = put_images(cameras()[0], data, own, seed=key["seed"])
            folder = work / f"{key['kind'].replace(' ', '-')}-{key['seed']}"
            options = recipe.optimization.model_copy(update={"seed": key["seed"]})
            init = recipe.init if key["kind"] == "fine-tuned" else None
            began = time.process_time()
            run_training(
                recipe.model_copy(update={"optimization": options, "init": init}),
                root=own,
                folder=folder,
                device="cpu",
                report=lambda _: None,
            )
            about["cpu_seconds"] = round(time.process_time() - began, 1)
            model = str(folder / "bundle")
        line = json.dumps({**key, **about, "figures": judge(model, key["hand"], data)})
        with (work / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)


def page(lines: Sequence[Mapping[str, Any]]) -> str:
    """The page, from the lines that are there."""
    tuned = [line for line in lines if line["kind"] == "fine-tuned"]
    seconds = np.median([line["cpu_seconds"] for line in tuned])
    rows = []
    for kind, hand in dict.fromkeys((line["kind"], line["hand"]) for line in lines):
        own = [line["figures"] for line in lines if (line["kind"], line["hand"]) == (kind, hand)]
        says = f"before, hand `{hand}`" if kind == "before" else kind
        cells = [spread(own, "DRIVE vessel", name) for name in FIGURES]
        rows.append([says, str(len(own)), *cells, *(spread(own, t, "dice") for t in OTHERS)])
    header = ("", "n", "vessel Dice", "AUC", "clDice", "found / drawn width", "artery Dice", "vein Dice")
    return "\n".join(
        [
            "# What five labelled images of one's own are worth\n",
            PROSE.format(seconds=seconds),
            table((*header, "HRF vessel Dice"), rows),
        ]
    )


def spread(figures: Sequence[Mapping[str, Mapping[str, float]]], target: str, name: str) -> str:
    """Mean and standard deviation over runs, as text."""
    values = [f[target][name] for f in figures if name in f.get(target, {})]
    return mean_and_spread(values, digits=4 if name == "auc" else 3) if values else "–"


def main() -> None:
    """Read the arguments and do what they ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of real images; leave out to write the page only")
    parser.add_argument("--work", type=Path, required=True, help="folder of runs and results")
    parser.add_argument("--seeds", type=lambda t: [int(s) for s in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--markdown", type=Path, help="page to write")
    args = parser.parse_args()
    if args.data is not None:
        carry_out(args.data, args.work, args.seeds)
    if args.markdown is not None:
        args.markdown.write_text(page(read_lines(args.work / "results.jsonl")), encoding="utf-8")


if __name__ == "__main__":
    main()
