"""The trees of a digital eye: Strahler's order, Horton's ratios and how evenly they divide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from retquant.phantoms.truth.vessel import Vessel


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree rooted at the disc, as far as the field shows it."""

    structure: str
    tree: int
    root: int  # id of its first vessel
    ends: int  # free ends and vessels that the field's edge cuts
    length_px: float
    strahler_order: int  # of the root, the highest
    horton_branching_ratio: float  # NaN below two orders
    horton_length_ratio: float
    asymmetry: float  # NaN without a junction
    is_cut: bool  # the field's edge cuts a vessel of it

    def as_record(self) -> dict[str, Any]:
        """The tree for JSON; what is not defined is null."""
        return {
            key: None if isinstance(value, float) and np.isnan(value) else value
            for key, value in asdict(self).items()
        }


def strahler_orders(vessels: Sequence[Vessel]) -> dict[int, int]:
    """Vessel id -> order: 1 at an end, one more than its daughters' where two of the highest order meet."""
    orders: dict[int, int] = {}
    for vessel in reversed(vessels):  # daughters come after their parents
        below = sorted((orders[d] for d in vessel.daughters), reverse=True)
        joined = len(below) > 1 and below[0] == below[1]
        orders[vessel.id] = below[0] + joined if below else 1
    return orders


def find_trees(vessels: Sequence[Vessel]) -> list[Tree]:
    """All trees inside the field, arteries first; what comes back into the field belongs to none."""
    orders = strahler_orders(vessels)
    ends = _end_counts(vessels)
    found = []
    for root in (v for v in vessels if v.parent is None and not v.enters):
        members = [root]
        for vessel in members:  # grows while it is walked
            members += [vessels[d] for d in vessel.daughters]
        branching, length = _horton(members, orders)
        splits = [[ends[d] for d in v.daughters] for v in members if len(v.daughters) == 2]
        uneven = [abs(a - b) / (a + b - 2) if a + b > 2 else 0.0 for a, b in splits]
        found.append(
            Tree(
                structure=root.structure,
                tree=root.tree,
                root=root.id,
                ends=ends[root.id],
                length_px=sum(v.length for v in members),
                strahler_order=orders[root.id],
                horton_branching_ratio=branching,
                horton_length_ratio=length,
                asymmetry=float(np.mean(uneven)) if uneven else float("nan"),
                is_cut=any(v.is_cut for v in members),
            )
        )
    return found


def _end_counts(vessels: Sequence[Vessel]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for vessel in reversed(vessels):
        counts[vessel.id] = sum(counts[d] for d in vessel.daughters) or 1
    return counts


def _horton(members: Sequence[Vessel], orders: Mapping[int, int]) -> tuple[float, float]:
    """Branching and length ratio from the slopes of log count and log mean length of streams on their order.

    A stream is a chain of vessels of one order; it begins where its parent is of a higher order, or at the root.
    """
    by_id = {v.id: v for v in members}
    streams: dict[int, list[float]] = {}
    for vessel in members:
        order = orders[vessel.id]
        if vessel.parent is not None and orders[vessel.parent] == order:
            continue
        length, here = vessel.length, vessel
        while onward := [d for d in here.daughters if orders[d] == order]:
            here = by_id[onward[0]]
            length += here.length
        streams.setdefault(order, []).append(length)
    if len(streams) < 2:
        return float("nan"), float("nan")
    rank = np.array(sorted(streams), dtype=float)
    count = np.log([len(streams[int(r)]) for r in rank])
    mean = np.log([np.mean(streams[int(r)]) for r in rank])
    return float(np.exp(-np.polyfit(rank, count, 1)[0])), float(np.exp(np.polyfit(rank, mean, 1)[0]))
