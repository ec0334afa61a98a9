"""What is wrong with a manifest, said all at once: each fault with its row, column, value and remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retquant.errors import ManifestError

SHOWN = 20
"""Faults that the message of an error shows; the others are in its `faults`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to mend in a manifest."""

    problem: str  # a clause without its subject: "is no eye"
    remedy: str
    row: int | None = None  # line of the file (header = 1); None where it concerns the whole file
    column: str | None = None
    value: str | None = None  # as the file has it

    def __str__(self) -> str:
        place = [f"row {self.row}"] if self.row is not None else []
        if self.column is not None:
            place.append(f"column {self.column}")
        value = "" if self.value is None else f"{_shortened(self.value)!r} "
        return f"{', '.join(place) + ': ' if place else ''}{value}{self.problem}. {self.remedy}"


def refuse(path: Path, faults: Iterable[Fault]) -> None:
    """Raise all faults at once, in order of rows; return where there are none.

    Raises
    ------
    ManifestError
        There is at least one fault.
    """
    ordered = sorted(faults, key=lambda fault: (fault.row or 0, fault.column or ""))
    if not ordered:
        return
    if len(ordered) == 1 and ordered[0].row is None:
        only = ordered[0]
        raise ManifestError(only.problem, where=str(path), remedy=only.remedy, faults=ordered)
    raise ManifestError(
        _listing(ordered),
        where=str(path),
        remedy="mend these and run again; nothing has been run",
        faults=ordered,
    )


def _listing(faults: Sequence[Fault]) -> str:
    lines = [f"{len(faults):,} fault{'s' if len(faults) != 1 else ''}"]
    lines += [f"  {fault}" for fault in faults[:SHOWN]]
    if len(faults) > SHOWN:
        columns = Counter(fault.column or "the file" for fault in faults)
        by_column = ", ".join(f"{name} {count:,}" for name, count in columns.most_common(8))
        lines.append(f"  … and {len(faults) - SHOWN:,} more (faults by column: {by_column})")
    return "\n".join(lines)


def _shortened(value: str, length: int = 80) -> str:
    return value if len(value) <= length else f"{value[: length - 1]}…"
