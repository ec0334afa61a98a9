"""The table of what changes when an analysis is done a little otherwise: a row a biomarker, a column a variant."""

from __future__ import annotations

import math
from dataclasses import dataclass

from retquant.association.associations import Associations

_MOVED = 2.0  # standard errors beyond which a cell is marked


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunCell:
    """One biomarker in one variant."""

    effect: float  # a ratio where the kind of outcome has one; NaN where there is none
    low: float
    high: float
    people: int
    is_moved: bool  # or turned round: not what the main analysis found
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessGrid:
    """Everything the template draws."""

    variants: tuple[str, ...]
    rows: tuple[tuple[str, float, tuple[RerunCell, ...]], ...]  # biomarker, main effect, a cell a variant


_EMPTY = RerunCell(
    effect=math.nan, low=math.nan, high=math.nan, people=0, is_moved=False, reason="too few lack it"
)


def robustness_grid(associations: Associations, *, is_ratio: bool) -> RobustnessGrid | None:
    """The grid of an analysis that was done again; None where it was not."""
    again = associations.reruns
    if again is None or again.empty:
        return None
    main = associations.table.set_index("biomarker")["effect"]
    variants = tuple(dict.fromkeys(again["variant"]))
    rows = []
    for name, found in again.groupby("biomarker", sort=False):
        by_variant = found.set_index("variant")
        cells = []
        for variant in variants:
            if variant not in by_variant.index:
                cells.append(_EMPTY)
                continue
            row = by_variant.loc[variant]
            low, middle, high = (
                math.exp(row[bound]) if is_ratio and row[bound] == row[bound] else float(row[bound])
                for bound in ("ci_low", "effect", "ci_high")
            )
            turned = row["effect"] * main[name] < 0
            cells.append(
                RerunCell(
                    effect=middle,
                    low=low,
                    high=high,
                    people=0 if row["n_people"] != row["n_people"] else int(row["n_people"]),
                    is_moved=bool(turned or abs(row["moved"]) > _MOVED),
                    reason=str(row["reason"]) if isinstance(row["reason"], str) else "",
                )
            )
        effect = math.exp(main[name]) if is_ratio else float(main[name])
        rows.append((str(name), effect, tuple(cells)))
    return RobustnessGrid(variants=variants, rows=tuple(rows))
