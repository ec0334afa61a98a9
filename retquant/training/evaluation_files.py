"""What an evaluation leaves on disk: tables, curves, pictures of the errors, and one page that shows them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np

from retquant.manifest.formulas import neutral
from retquant.segmentation.bundles import HeldOutResult
from retquant.training.evaluate import Evaluation, Judged
from retquant.training.metrics import LEVELS, Confusion, thresholds
from retquant.training.scores import FIGURES, ImageScore

CURVE_STEP = LEVELS // 512  # levels between the points of a curve that is written or drawn
WORST = 5  # images of a target that the page shows
COLOURS_BGR = {"hit": (80, 175, 76), "missed": (60, 60, 230), "false": (230, 120, 40)}  # green, red, blue


@dataclass(frozen=True, slots=True)
class EvaluationFolder:
    """A folder for one evaluation; error maps are written as images are judged, the rest at the end."""

    folder: Path

    def show(self, judged: Judged) -> None:
        """Write a map of the errors: hits green, what was missed red, what was found in vain blue."""
        path = self.folder / _map_name(judged.target, judged.image)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), error_map(judged))

    def write(self, evaluation: Evaluation, *, title: str) -> None:
        """Write `images.csv`, `summary.csv`, `curves.csv` and `report.html`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        people = (*evaluation.scores, *evaluation.second)
        hands = ["model"] * len(evaluation.scores) + ["second observer"] * len(evaluation.second)
        figures = ("by", "dataset", "image", "target", *FIGURES)
        rows = [(hand, *_values(score)) for hand, score in zip(hands, people, strict=True)]
        _write_csv(self.folder / "images.csv", figures, rows)
        columns = tuple(HeldOutResult.model_fields)
        summary = [tuple(getattr(r, c) for c in columns) for r in evaluation.results]
        _write_csv(self.folder / "summary.csv", columns, summary)
        _write_csv(
            self.folder / "curves.csv",
            ("target", "threshold", "recall", "precision", "false_positive_rate"),
            _curve_rows(evaluation.pooled),
        )
        (self.folder / "report.html").write_text(render(evaluation, title=title), encoding="utf-8")


def error_map(judged: Judged) -> np.ndarray:
    """(H, W, 3) uint8 BGR picture of hits, misses and false finds; grey where nothing is known."""
    found, drawn, valid = judged.found & judged.valid, judged.drawn & judged.valid, judged.valid
    picture = np.where(valid[..., None], np.uint8(255), np.uint8(190)).repeat(3, axis=-1)
    picture[found & drawn] = COLOURS_BGR["hit"]
    picture[drawn & ~found] = COLOURS_BGR["missed"]
    picture[found & ~drawn] = COLOURS_BGR["false"]
    return picture


def render(evaluation: Evaluation, *, title: str) -> str:
    """The page, self-contained but for the error maps beside it."""
    parts = [f"<h1>{escape(title)}</h1>", _summary_table(evaluation.results)]
    for target, counts in evaluation.pooled.items():
        parts += [f"<h2>{escape(target)}</h2>", _curves(counts), _worst(evaluation.scores, target)]
    style = (
        "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;display:block;overflow-x:auto}td,th{padding:.2rem .6rem;text-align:right;"
        "border-bottom:1px solid #ddd}figure{display:inline-block;margin:.5rem}img{width:20rem;max-width:100%}"
    )
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body>\n{body}\n</body></html>\n"
    )


def _summary_table(results: Sequence[HeldOutResult]) -> str:
    figures = [c for c in HeldOutResult.model_fields if any(getattr(r, c) is not None for r in results)]
    head = "".join(f"<th>{escape(c.replace('_', ' '))}</th>" for c in figures)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_said(getattr(r, c)))}</td>" for c in figures) + "</tr>"
        for r in results
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _worst(scores: Sequence[ImageScore], target: str) -> str:
    """Error maps of the images of least Dice."""
    ranked = sorted(
        (s for s in scores if s.target == target and not math.isnan(s.dice)), key=lambda s: s.dice
    )
    figures = "".join(
        f'<figure><img src="{escape(_map_name(target, s.image), quote=True)}" alt="errors">'
        f"<figcaption>{escape(s.image)}: Dice {s.dice:.3f}</figcaption></figure>"
        for s in ranked[:WORST]
    )
    key = "green: found and drawn; red: missed; blue: found in vain; grey: not judged"
    return f"<h3>Least Dice</h3><p>{key}</p>{figures}"


def _curves(counts: Confusion) -> str:
    curves = {name: curve[::CURVE_STEP] for name, curve in counts.curves().items()}
    roc = _plot(curves["false_positive_rate"], curves["recall"], "false positive rate", "sensitivity")
    return roc + _plot(curves["recall"], curves["precision"], "recall", "precision")


def _plot(x: np.ndarray, y: np.ndarray, x_name: str, y_name: str) -> str:
    points = " ".join(f"{10 + 280 * a:.1f},{290 - 280 * b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<figure><svg viewBox="0 0 300 300" width="300" height="300" role="img" aria-label="{y_name} over {x_name}">'
        '<rect x="10" y="10" width="280" height="280" fill="none" stroke="#999"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f5fbf" stroke-width="2"/></svg>'
        f"<figcaption>{y_name} over {x_name}, all pixels pooled</figcaption></figure>"
    )


def _curve_rows(pooled: Mapping[str, Confusion]) -> Iterable[tuple[object, ...]]:
    for target, counts in pooled.items():
        curves = counts.curves()
        columns = [curves[name] for name in ("recall", "precision", "false_positive_rate")]
        for row in zip(thresholds()[::CURVE_STEP], *(c[::CURVE_STEP] for c in columns), strict=True):
            yield (target, *(float(v) for v in row))


def _map_name(target: str, image: str) -> str:
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in image)
    return f"errors/{target}/{safe}.png"


def _values(score: ImageScore) -> tuple[object, ...]:
    return (score.dataset, score.image, score.target, *(getattr(score, figure) for figure in FIGURES))


def _said(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    """Nothing for NaN; words that a spreadsheet would take for a formula are marked as words."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return neutral(value) if isinstance(value, str) else value
