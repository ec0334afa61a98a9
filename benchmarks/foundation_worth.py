"""What a foundation model is worth: the same seconds, the same images, and other networks beside it.

    python -m benchmarks.foundation_worth --data DIR --work DIR [--budget S] [--seeds 0,1,2] [--images 2,5,all]
        [--only KIND,...] [--markdown FILE]

Each run trains one network for so many CPU seconds on two, five or all training images of DRIVE (persons 21 to 36),
and is judged on four persons of that camera (37 to 40) and on held-out persons of CHASE_DB1 and HRF, whose cameras and
hands it never saw. Nothing is chosen on any of them: the last averaged weights are judged, at one half. DRIVE's test
part is not touched. A run leaves one line in `WORK/results.jsonl`, and a run that has its line is not done again, so
the command may be killed and given again. `--markdown` writes the page from the lines that are there.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.accuracy_pages import table
from benchmarks.foundation_networks import KINDS, Kind, build, learned, optimizer_of
from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.predict import predict_field
from retquant.segmentation.runtime import keep_large_blocks, pick_precision
from retquant.training.batches import Pool
from retquant.training.datasets import Example, find_examples, split
from retquant.training.losses import centerline_dice as centerline_loss
from retquant.training.losses import weighted
from retquant.training.metrics import Confusion, centerline_dice
from retquant.training.recipe import TrainingRecipe, load_recipe
from retquant.training.truth import read_truth
from retquant.training.working_example import load_working

RECIPE = Path(__file__).resolve().parents[1] / "pipelines" / "training" / "fundus-vessels.toml"
"""Whose data sets are the cameras: the first is trained on, and all are judged on their validation persons."""

WARMUP_SHARE = 0.05  # of the budget
AVERAGE_DECAY = 0.98  # short runs: some hundred steps
CENTERLINE_FROM, CENTERLINE_WEIGHT = 0.3, 0.2
CURVE_POINTS = 10
FIGURES = ("dice", "auc", "centerline_dice")


def train(
    network: nn.Module, kind: Kind, pool: Pool, recipe: TrainingRecipe, *, budget: float
) -> dict[str, Any]:
    """Train for `budget` CPU seconds of this process; the averaged weights are left in the network."""
    optimizer, precision = optimizer_of(network, kind), pick_precision("auto", "cpu")
    trained = [p for p in network.parameters() if p.requires_grad]
    state, steps = learned(network), 0
    curve: list[list[float]] = []
    recent: list[float] = []
    average = {name: t.clone() for name, t in state.items()}
    network.train()
    began = time.process_time()
    while (share := (time.process_time() - began) / budget) < 1:
        batch = pool.batch(recipe, steps, 256)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = network(batch.image, batch.hands)
        logits = logits.float()
        loss = weighted({"cross_entropy": 1.0, "dice": 1.0}, logits, batch.truth, batch.valid)
        if share >= CENTERLINE_FROM:
            loss = loss + CENTERLINE_WEIGHT * centerline_loss(logits, batch.truth, batch.valid)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * course(share)
        optimizer.step()
        decay = min(AVERAGE_DECAY, (1 + steps) / (10 + steps))
        for name, value in state.items():
            average[name].lerp_(value, 1 - decay)
        steps += 1
        recent.append(float(loss.detach()))
        if share * CURVE_POINTS >= len(curve) + 1:
            curve.append([round(share, 3), round(float(np.mean(recent)), 4)])
            recent.clear()
    seconds = time.process_time() - began
    with torch.no_grad():
        for name, value in state.items():
            value.copy_(average[name])
    return {
        "cpu_seconds": round(seconds, 1),
        "steps": steps,
        "tiles": steps * kind.batch,
        "trained": sum(p.numel() for p in trained),
        "curve": curve,
    }


def course(share: float) -> float:
    """Of the learning rate over the budget: linear warm-up, cosine decay."""
    if share < WARMUP_SHARE:
        return max(share / WARMUP_SHARE, 0.02)
    return 0.5 * (1 + math.cos(math.pi * (share - WARMUP_SHARE) / (1 - WARMUP_SHARE)))


def judge(network: nn.Module, examples: Sequence[Example], *, working_px: int) -> dict[str, float]:
    """Mean Dice and clDice at one half and the pooled AUC, at the images' own resolution inside the field."""
    network.eval()
    rows, pooled = [], Confusion.nothing()
    for example in examples:
        image = read_image(example.image, fov_mask=example.fov, settings=ImageSettings())
        maps = predict_field(
            network,  # type: ignore[arg-type]
            image.pixels,
            image.fov,
            working_px=working_px,
            hand=0,
            precision=pick_precision("auto", "cpu"),
        )
        found = dict(maps)["vessel"]
        drawn = read_truth(example.truth["vessel"], image.shape)
        counts = Confusion.count(found, drawn, image.fov)
        line = centerline_dice((found >= 0.5) & image.fov, drawn & image.fov)
        rows.append((counts.at(0.5)["dice"], 0.0 if np.isnan(line) else line))
        pooled = pooled + counts
    dice, line = np.mean(rows, axis=0)
    return {"dice": float(dice), "auc": pooled.auc(), "centerline_dice": float(line), "images": len(rows)}


def run(
    kind: Kind,
    recipe: TrainingRecipe,
    *,
    data: Path,
    cache: Path | None,
    images: int | None,
    seed: int,
    budget: float,
) -> dict[str, Any]:
    """Train and judge once; what goes into the line of results."""
    keep_large_blocks()
    camera = recipe.datasets[0]
    training, _ = split(camera, find_examples(camera, data))
    order = np.random.default_rng(seed).permutation(len(training))  # the two are among the five
    chosen = [training[i] for i in sorted(order[: images or len(training)])]
    options = recipe.optimization.model_copy(update={"seed": seed, "batch": kind.batch})
    recipe = recipe.model_copy(update={"optimization": options, "datasets": (camera,)})
    working_px = recipe.network.working_px
    shown = list(load_working(chosen, targets=("vessel",), working_px=working_px, cache=cache))
    pool = Pool(training=shown, chances=np.full(len(shown), 1 / len(shown)), validation=())
    torch.manual_seed(seed)
    network = build(kind, hand=camera.hand or "")
    about = train(network, kind, pool, recipe, budget=budget)
    if isinstance(network, SamNetwork):
        network.merge_adapters()
        network.freeze_prompt()
    return {**about, "persons": [e.person for e in chosen], "network": network}


def plan(
    seeds: Sequence[int], images: Sequence[int | None], kinds: Sequence[Kind]
) -> Iterator[tuple[int, int | None, Kind]]:
    """The runs, those that say most first."""
    for seed in seeds:
        for count in sorted(images, key=lambda n: (2, None, 5).index(n) if n in (2, None, 5) else 3):
            for kind in kinds:
                yield seed, count, kind


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of results; one that a kill cut short is left out."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


def carry_out(args: argparse.Namespace) -> None:
    """Do what is missing, a line a run."""
    recipe = load_recipe(RECIPE, TrainingRecipe)
    args.work.mkdir(parents=True, exist_ok=True)
    results = args.work / "results.jsonl"
    for seed, images, kind in plan(args.seeds, args.images, args.kinds):
        key = {"kind": kind.name, "images": images, "seed": seed, "budget": args.budget}
        if any(all(line[k] == v for k, v in key.items()) for line in read_lines(results)):
            continue
        about = run(
            kind,
            recipe,
            data=args.data,
            cache=args.work / "packed",
            images=images,
            seed=seed,
            budget=args.budget,
        )
        network = about.pop("network")
        figures = {}
        for camera in recipe.datasets:
            _, held_out = split(camera, find_examples(camera, args.data))
            figures[camera.name] = judge(network, held_out, working_px=recipe.network.working_px)
        line = json.dumps({**key, **about, "figures": figures})
        with results.open("a", encoding="utf-8") as file:
            file.write(("" if _ends_clean(results) else "\n") + line + "\n")
        shown = ", ".join(f"{name} {f['dice']:.3f}/{f['auc']:.3f}" for name, f in figures.items())
        print(f"{kind.name}, {images or 'all'} images, seed {seed}: {shown}", flush=True)


def _ends_clean(path: Path) -> bool:
    data = path.read_bytes()
    return not data or data.endswith(b"\n")


def page(lines: Sequence[Mapping[str, Any]]) -> str:
    """The page, from the lines of one budget each."""
    parts = [
        "# What the foundation model is worth\n",
        "Written by `python -m benchmarks.foundation_worth --data DIR --work DIR --markdown FILE`. Every network was "
        "trained for the same CPU seconds on images of DRIVE 21 to 36 alone, at 640 px across the field, and judged on "
        "DRIVE 37 to 40 and, without having seen their cameras or hands, on CHASE_DB1 9 and 10 and four images of HRF. "
        "Dice and clDice at one half, mean over images; AUC of all pixels pooled; mean ± SD over seeds (n of them), "
        "each with its own choice of training images. Between cameras AUC and clDice say more than Dice, since the "
        "sets are drawn in different widths.\n",
    ]
    known = [k for k in KINDS if any(line["kind"] == k.name for line in lines)]
    rows = []
    for kind in known:
        own = [line for line in lines if line["kind"] == kind.name]
        pace = float(np.median([line["tiles"] / line["cpu_seconds"] for line in own]))
        rows.append([f"`{kind.name}`", kind.says, f"{own[0]['trained']:,}", f"{pace:.2f}"])
    parts.append(table(("network", "what", "trained weights", "tiles a CPU second"), rows))
    for budget in sorted({line["budget"] for line in lines}):
        for images in (2, 5, None):
            some = [line for line in lines if (line["budget"], line["images"]) == (budget, images)]
            if some:
                parts.append(f"## {budget:g} CPU seconds, {images or 'all 16'} training images\n")
                parts.append(_figures(known, some))
    return "\n".join(parts)


def _figures(kinds: Sequence[Kind], lines: Sequence[Mapping[str, Any]]) -> str:
    cameras = list(lines[0]["figures"])
    header = ("network", "n", *(f"{c} {f}" for c in cameras for f in ("Dice", "AUC", "clDice")))
    rows = []
    for kind in kinds:
        own = [line["figures"] for line in lines if line["kind"] == kind.name]
        if own:
            cells = [
                mean_and_spread([f[camera][figure] for f in own]) for camera in cameras for figure in FIGURES
            ]
            rows.append([f"`{kind.name}`", str(len(own)), *cells])
    return table(header, rows)


def mean_and_spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean over runs as text, with their standard deviation where there are two."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def main() -> None:
    """Read the arguments and do what they ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of real images; leave out to write the page only")
    parser.add_argument("--work", type=Path, required=True, help="folder of results and packed images")
    parser.add_argument("--budget", type=float, default=600.0, help="CPU seconds of training a run")
    parser.add_argument("--seeds", type=lambda t: [int(s) for s in t.split(",")], default=[0, 1, 2])
    parser.add_argument(
        "--images",
        type=lambda t: [None if s == "all" else int(s) for s in t.split(",")],
        default=[2, None, 5],
    )
    parser.add_argument("--only", help="kinds, by name: " + ", ".join(k.name for k in KINDS))
    parser.add_argument("--markdown", type=Path, help="page to write")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else [k.name for k in KINDS]
    args.kinds = [k for k in KINDS if k.name in names]
    if len(args.kinds) != len(set(names)):
        parser.error(f"--only {args.only}: one of {', '.join(k.name for k in KINDS)}")
    if args.data is not None:
        carry_out(args)
    if args.markdown is not None:
        lines = read_lines(args.work / "results.jsonl")
        if not lines:
            parser.error(f"there are no results in {args.work}")
        args.markdown.write_text(page(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
