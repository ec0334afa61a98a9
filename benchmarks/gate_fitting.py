"""How a gate is found from pictures that were spoilt step by step and measured each time.

A column's error is its distance from the unspoilt picture's value, in standard deviations between the unspoilt pictures
of the same kind. A definition's gate is the set of least quality measures that keeps most of the pictures while at
least `KEPT_WITHIN` of those kept err by no more than `BOUND`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from retquant.biomarkers import BIOMARKERS, DEFINITIONS
from retquant.biomarkers.gates import GATES_FILE, MEASURES, Gate, QualityMeasure, with_gates

BOUND = 0.5  # standard deviations between pictures
KEPT_WITHIN = 0.8  # share of the kept pictures that must err by no more
FEWEST_KEPT = 0.25  # share of the pictures that a gate keeps where none reaches the bound
UNSPOILT = "as it is"

Row = dict[str, object]
"""A picture and variant: `picture`, `group` (pictures that are compared with one another), `variant`, and columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedGate:
    """A definition's gate, and what it keeps."""

    definition_id: str
    gate: Gate
    ungated: float  # share of all pictures within the bound
    kept: float  # share of the pictures that meet the gate
    within: float  # share of those within the bound


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedGates:
    """The gates of a modality."""

    modality: str
    gates: tuple[FittedGate, ...]
    lent: Mapping[str, tuple[str, ...]]  # definition -> those that take its gate
    pictures: int
    variants: int

    def write(self) -> None:
        """Put the gates into the package, in place of the modality's."""
        found = {one.definition_id: one.gate for one in self.gates}
        for lender, takers in self.lent.items():
            found |= dict.fromkeys(takers, found[lender])
        GATES_FILE.write_text(with_gates(self.modality, found), encoding="utf-8")

    def page(self, title: str) -> str:
        """The gates as a section of Markdown."""
        lines = [
            f"| `{one.definition_id}` | {one.ungated:.2f} | {self._text(one.gate)} | {one.kept:.2f} "
            f"| {one.within:.2f} |"
            for one in self.gates
        ]
        return (
            f"## {title}\n\n"
            f"{self.pictures} pictures, {self.variants} variants; an error is counted in standard deviations between "
            f"pictures, and a gate keeps pictures of which at least {KEPT_WITHIN:.0%} err by no more than {BOUND}, or, "
            "where none does, those that come nearest to it.\n\n"
            "| definition | share within the bound, ungated | gate | share kept | share within, kept |\n"
            "|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
        )

    def _text(self, gate: Gate) -> str:
        more = {measure.name: measure.more_is_better for measure in MEASURES[self.modality]}
        lines = [f"{name} {'≥' if more[name] else '≤'} {level:.3g}" for name, level in gate.items()]
        return ", ".join(lines) or "any"


def fit_gates(
    rows: Sequence[Row],
    *,
    modality: str,
    structures: Sequence[str],
    lent: Mapping[str, tuple[str, ...]],
) -> FittedGates:
    """The gates of the definitions of which the rows have columns of `structures`."""
    measures = MEASURES[modality]
    quality = np.array(
        [[m.oriented(float(row[f"quality_{m.name}"])) for m in measures] for row in rows]  # type: ignore[arg-type]
    )
    found = []
    for definition_id in DEFINITIONS:
        names = [
            name
            for name in rows[0]
            if name.startswith(tuple(f"{s}_" for s in structures))
            and BIOMARKERS[name].definition_id == definition_id
        ]
        off = [one for name in names if not np.isinf(one := errors(rows, name)).all()]
        if not off:  # what needs a disc, or is never measured, is not gated by these pictures
            continue
        middle = np.median(off, axis=0)
        gate, kept, within = best_gate(quality, middle, measures)
        found.append(
            FittedGate(
                definition_id=definition_id,
                gate=gate,
                ungated=float(np.mean(middle <= BOUND)),
                kept=kept,
                within=within,
            )
        )
        print(f"{definition_id}: {dict(gate) or 'any'}", flush=True)
    return FittedGates(
        modality=modality,
        gates=tuple(found),
        lent=lent,
        pictures=len({row["picture"] for row in rows}),
        variants=len(rows),
    )


def errors(rows: Sequence[Row], column: str) -> np.ndarray:
    """(rows,) distance from the unspoilt picture in SDs between the unspoilt ones of its group; inf where missing."""
    whole = {row["picture"]: float(row[column]) for row in rows if row["variant"] == UNSPOILT}  # type: ignore[arg-type]
    group = {row["picture"]: row["group"] for row in rows}
    spread = {}
    for one in set(group.values()):
        values = [value for name, value in whole.items() if group[name] == one and np.isfinite(value)]
        spread[one] = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
    off = np.array([abs(float(row[column]) - whole[row["picture"]]) for row in rows])  # type: ignore[arg-type]
    unit = np.array([spread[row["group"]] for row in rows])
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.where(off > 0, off / unit, 0.0)
    return np.where(np.isfinite(off) & ~np.isnan(units), units, np.inf)


def best_gate(
    quality: np.ndarray, off: np.ndarray, measures: Sequence[QualityMeasure]
) -> tuple[Gate, float, float]:
    """The gate, the share of pictures it keeps, and the share of those that err by no more than `BOUND`.

    `quality` (rows, measures) is oriented so that more is better. Every combination of levels is tried.
    """
    good = off <= BOUND
    if good.mean() >= KEPT_WITHIN:
        return {}, 1.0, float(good.mean())
    quality = np.where(np.isnan(quality), -np.inf, quality)
    levels = [
        np.append(-np.inf, np.unique(np.quantile(c[np.isfinite(c)], np.linspace(0, 0.9, 19))))
        for c in quality.T
    ]
    tried = []
    for chosen in product(*levels):
        kept = (quality >= chosen).all(axis=1)
        if kept.mean() >= FEWEST_KEPT:
            tried.append((kept.mean(), good[kept].mean(), chosen))
    reached = [row for row in tried if row[1] >= KEPT_WITHIN]
    # where no gate reaches the bound, the one whose pictures come nearest to it
    share, within, chosen = max(reached) if reached else max(tried, key=lambda row: (row[1], row[0]))
    gate = {}
    for spec, level, values in zip(measures, chosen, quality.T, strict=True):
        if np.isfinite(level):  # midway between the worst picture kept and the next
            beyond = values[(values < level) & np.isfinite(values)]
            kept_worst = float(values[values >= level].min())
            gate[spec.name] = spec.own((kept_worst + float(beyond.max(initial=-np.inf))) / 2)
    gate = {name: level for name, level in gate.items() if np.isfinite(level)}
    return gate, float(share), float(within)
