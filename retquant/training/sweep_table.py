"""The held-out figures of a sweep as tables: a row a run, and mean and SD over its folds and seeds."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from retquant.segmentation.bundles import HeldOutResult
from retquant.training.sweep import Outcome

FIGURES = tuple(
    name for name, field in HeldOutResult.model_fields.items() if field.annotation == (float | None)
)
"""Columns of numbers, in the order of the card."""

SHOWN = ("dice", "auc", "centerline_dice", "error_radii")
WITHIN_ONE_RUN = frozenset({"dice_sd", "dice_low", "dice_high"})
"""Figures of the spread over images, whose mean over runs would mislead."""

Group = tuple[str, str, str, str]  # variant, data set, target, hand


def write_tables(outcomes: Sequence[Outcome], folder: Path) -> tuple[Path, Path]:
    """Write `figures.csv`, a row a run, data set and target, and `summary.csv`, their mean and SD over runs."""
    by_run, summary = folder / "figures.csv", folder / "summary.csv"
    folder.mkdir(parents=True, exist_ok=True)
    header = ("run", "variant", "seed", "fold", "dataset", "target", "hand", "images", *FIGURES, "error")
    _write_csv(by_run, header, _rows(outcomes))
    means = [f"{name}_{part}" for name in FIGURES if name not in WITHIN_ONE_RUN for part in ("mean", "sd")]
    _write_csv(summary, ("variant", "dataset", "target", "hand", "runs", "images", *means), _means(outcomes))
    return by_run, summary


def render_summary(outcomes: Sequence[Outcome]) -> str:
    """The means and SDs as a Markdown table, and the runs that failed."""
    lines = [
        "| recipe | data set | target | runs | Dice | AUC | clDice | error in disc radii |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (variant, dataset, target, _), results in _groups(outcomes).items():
        cells = [_spread([v for r in results if (v := getattr(r, name)) is not None]) for name in SHOWN]
        lines.append(f"| {' | '.join([variant, dataset, target, str(len(results)), *cells])} |")
    lines += [f"\n{o.trial.name} failed: {o.error}" for o in outcomes if o.error]
    return "\n".join(lines) + "\n"


def _rows(outcomes: Sequence[Outcome]) -> Iterator[list[object]]:
    for outcome in outcomes:
        trial = outcome.trial
        about = [trial.name, trial.variant, trial.seed, trial.fold]
        if outcome.error:
            yield [*about, *[None] * (4 + len(FIGURES)), outcome.error]
        for r in outcome.results:
            figures = [getattr(r, name) for name in FIGURES]
            yield [*about, r.dataset, r.target, r.hand, r.images, *figures, ""]


def _groups(outcomes: Sequence[Outcome]) -> dict[Group, list[HeldOutResult]]:
    groups: dict[Group, list[HeldOutResult]] = {}
    for outcome in outcomes:
        for r in outcome.results:
            groups.setdefault((outcome.trial.variant, r.dataset, r.target, r.hand), []).append(r)
    return groups


def _means(outcomes: Sequence[Outcome]) -> Iterator[list[object]]:
    for group, results in _groups(outcomes).items():
        cells: list[object] = []
        for name in FIGURES:
            if name not in WITHIN_ONE_RUN:
                cells += _mean_and_sd([v for r in results if (v := getattr(r, name)) is not None])
        yield [*group, len(results), sum(r.images for r in results), *cells]


def _mean_and_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sample SD; None where there are too few values."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None


def _spread(values: Sequence[float]) -> str:
    mean, sd = _mean_and_sd(values)
    if mean is None:
        return "–"
    return f"{mean:.3f}" if sd is None else f"{mean:.3f} ± {sd:.3f}"


def _write_csv(path: Path, header: Sequence[str], rows: Iterator[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
