"""The mapping as a page to read (`docs/compatibility.md`), written from the data files and never by hand:
`python -m retquant.compatibility.page` in the checkout.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from retquant.compatibility.mapping import COMPARABLE, PROGRAMS, Counterpart, Program, program

_INTRODUCTION = """# Other programs' columns

AutoMorph, VascX and PVBM measure the same retinas and give many of the same names to other numbers. This page says,
column by column, which of ours corresponds and what differs. It is written from the data files in
`retquant/compatibility/`.

    retquant convert automorph Results/M3/Disc_centred/Disc_Zone_B_Measurement.csv --out zone_b.parquet
    retquant convert vascx report/biomarkers.csv --um-per-px 10.4 --out vascx.parquet
    retquant convert pvbm vbms.csv --um-per-px 5 --out pvbm.csv

writes a table with one row an image, in our names, of what is the same or the same after a conversion of units, and
prints what became of every column. Everything else is left out; `--all` keeps it under the program's own name
(`pvbm:D0_artery`), never under ours. In Parquet each column carries our definition and, beside it, where it comes
from and what differs.

"Same" is a statement about definitions. Measured numbers differ further by how a program finds vessels and edges; how
far, on shapes of known answer, is in [accuracy/peers.md](accuracy/peers.md).

"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION, "| comparable | meaning |\n|---|---|\n"]
    parts += [f"| {word} | {meaning} |\n" for word, meaning in COMPARABLE.items()]
    for key in PROGRAMS:
        parts.append(_section(program(key)))
    return "".join(parts)


def _section(described: Program) -> str:
    lines = [
        f"\n## {described.name}\n",
        described.about + "\n",
        f"Read from {described.source} ({described.read_at}).\n",
        "| theirs | ours | their unit | comparable | difference |",
        "|---|---|---|---|---|",
    ]
    rows: dict[str, list[Counterpart]] = {}
    for counterpart in described.counterparts:
        rows.setdefault(counterpart.usual, []).append(counterpart)
    for entries in rows.values():
        theirs = _listed(entry.theirs for entry in entries)
        ours = _listed(entry.ours for entry in entries if entry.ours)
        first = entries[0]
        lines.append(f"| {theirs} | {ours} | {first.unit} | {first.comparable} | {first.difference} |")
    return "\n".join(lines) + "\n"


def _listed(names: Iterable[str]) -> str:
    return "<br>".join(f"`{name}`" for name in dict.fromkeys(names))


def write(checkout: Path) -> None:
    """Write the page into a checkout."""
    (checkout / "docs" / "compatibility.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2])
