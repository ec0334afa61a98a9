"""What the cohort page says of pictures under two names, swapped eyes and several pictures of an eye."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from retquant.tables.participants import ADDED
from retquant.tables.parts import facts_of, part_paths
from retquant.tables.reader import read_table

NAMED = 200  # findings of a kind that are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingKind:
    """Findings that mean the same."""

    meaning: str
    is_grave: bool
    count: int
    pairs: tuple[
        tuple[str, str | None, float | None], ...
    ]  # image, other image, similarity: the first of them


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHygiene:
    """Findings by kind, gravest first, and how many pictures have a better one beside them."""

    kinds: tuple[FindingKind, ...]
    not_primary: (
        int | None
    )  # of those measured; None where nobody looked, or the manifest has its own `primary`


def read_hygiene(out: Path, measured: set[str]) -> ShownHygiene | None:
    """What was found when the run ended; None where nobody has looked."""
    if not part_paths(out, "hygiene"):
        return None
    rows = read_table(out, "hygiene", ["meaning", "is_grave", "image_id", "other_image_id", "similarity"])
    kinds = []
    for meaning in dict.fromkeys(rows["meaning"].to_pylist()):
        of = rows.filter(pc.equal(rows["meaning"], meaning))
        first = of.slice(0, NAMED).to_pylist()
        kinds.append(
            FindingKind(
                meaning=meaning,
                is_grave=bool(first[0]["is_grave"]),
                count=len(of),
                pairs=tuple((row["image_id"], row["other_image_id"], row["similarity"]) for row in first),
            )
        )
    return ShownHygiene(kinds=tuple(kinds), not_primary=_not_primary(out, measured))


def _not_primary(out: Path, measured: set[str]) -> int | None:
    paths = part_paths(out, "participants")
    if not paths or not facts_of(paths[0]).get(ADDED):
        return None
    people = read_table(out, "participants", ["image_id", "primary"])
    others = people.filter(pc.equal(people["primary"], False))["image_id"].to_pylist()
    return sum(image_id in measured for image_id in others)
