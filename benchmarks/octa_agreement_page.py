"""The page and the plots of how random digital angiograms agree with their graphs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy_pages import table
from benchmarks.bland_altman import Limits, Pairs, limits, plot
from retquant.biomarkers import BIOMARKERS
from retquant.biomarkers.octa_places import SECTORS

TRUE_MASKS = "true masks"
"""`by` of what was measured without a model."""

PLOTTED = (
    "faz_area",
    "faz_circularity",
    "large_vessel_area_density_field",
    "large_vessel_length_density_field",
    "large_vessel_diameter_index_field",
    "capillary_area_density_field",
    "capillary_fd300",
    "capillary_intercapillary_distance_mean_field",
)
HEADER = (
    "column",
    "unit",
    "mean truth",
    "bias",
    "lower limit",
    "upper limit",
    "bias, %",
    "median error, %",
    "slope",
    "R²",
    "n",
)

HEAD = """# Random angiograms against their graphs

Written by `python -m benchmarks.octa_agreement --work DIR [--model NAME] --markdown FILE --plots FOLDER` from
{counts}. Each was grown from a seed of its own by `retquant.phantoms.octa_retina`: those of even number healthy,
those of odd number with random calibres, tortuosity, dropout and avascular zones. The truth is that of the graph's
polylines and of the zone's polygon; what is defined by area is read off a raster of the graph of 1.5 um (3 mm) or 2
um (6 mm) a pixel, with none of the measuring code.

*{masks}*: the drawn coverage of each pixel in 8 bits, with fovea, eye and scale: what measuring alone does. *Through
a model*: a picture of the same retina goes through the whole pipeline with the field's size and the eye; no training
recipe draws digital scans from these seeds. Bias is the mean of measured less true, the limits of agreement are bias
± 1.96 SD (Bland and Altman 1986), both in the column's unit. *Bias, %* is of the mean truth; *median error* is of
|measured / true − 1| where the truth is not 0. Slope and R² are of measured over true values: where both are 1,
differences between eyes are kept.

## Where truth and measurement do not mean the same

The truth says what is there, a column what the pixels show. Where these differ by definition the rows say by how
much; that is no factor to correct by, since it changes with pixel and mesh.

* **Capillaries are thinner than a pixel.** Half of their length is 5 um wide; pixels are 9.9 um (3 mm) or 15 um (6
  mm). A pixel that is less than half covered and touches none that is more counts as empty, so that a lone
  capillary is not seen, and two capillaries less than two pixels apart are seen as one. Of `capillary`, length
  density, branch points, ends, crossings, calibre, diameter index, intercapillary distance, flow deficits and the
  area without perfusion are therefore those of a coarser mesh than the true one. Area density and `capillary_fd300`
  lose the lone capillaries only, and 0.3 to 0.4 % because the masks are drawn on a raster coarser than the truth's.
* **Flow deficits** are parted by capillaries that the pixels do not show: fewer and larger ones are counted.
* **A projection shows one vessel where two lie over each other,** and the graph has both. Of the large vessels' length
  {overlaid} runs inside a wider one that it is not joined to.
  Two that run side by side within a pixel are seen as one, too. Length densities read low by that, and diameter
  indices, true area over true length, high. Arteries alone and veins alone hardly overlie.
* **Crossings** of the graph are all points where two polylines cross. Of two vessels that cross at a narrow angle, or
  beside a bifurcation of either, a mask shows a shared stretch, which counts as branch points or as nothing.
* **Ends** of the graph may lie inside another vessel, where no mask shows them. A large vessel ends where its radius
  falls to 10 um: a model that follows it farther is not wrong.
* **Arteries and veins** are those among the large vessels, as readers and networks tell them: in the truth, the masks
  and the pictures alike. `OctaRetina.truth` itself counts the capillaries of each kind, too.
* **Regions** lie about the true fovea on true masks, and about the centre of the avascular zone that was found through
  a model.
* **Lacunarity** needs 512 px across the field and is missing (`resolution_too_low`) in both.
* Of tortuosity, branching angles, fractal dimensions, perimeters and intensities no truth is recorded here;
  [shapes.md](shapes.md) and [random-eyes.md](random-eyes.md) have those that are known.
"""


def page(lines: Sequence[Mapping[str, Any]], *, pictures: Sequence[Path] = (), at: Path = Path()) -> str:
    """The page, from one line a retina and way of measuring; links to `pictures` are relative to the folder `at`."""
    truths = {(line["field"], line["seed"]): line for line in lines if line["by"] == TRUE_MASKS}
    fields = sorted({field for field, _ in truths})
    counts = " and ".join(f"{sum(f == field for f, _ in truths)} retinas of {field} mm" for field in fields)
    shares = {
        field: np.mean([line["overlaid_share"] for (f, _), line in truths.items() if f == field])
        for field in fields
    }
    overlaid = " and ".join(f"{100 * share:.1f} % ({field} mm)" for field, share in shares.items())
    parts = [HEAD.format(counts=counts, overlaid=overlaid, masks=TRUE_MASKS.capitalize())]
    for field, name, some in groups(lines):
        parts.append(f"## {field} mm, {name}\n")
        parts.append(_tables(some))
    if pictures:
        parts.append("## Bland-Altman plots\n")
        for file in pictures:
            link = os.path.relpath(file, at).replace(os.sep, "/")
            parts.append(f"![Difference over mean of {file.stem}]({link})\n")
    return "\n".join(parts)


def groups(
    lines: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[int, str, dict[str, list[tuple[float, float, str | None]]]]]:
    """Field, name of the way, and column -> measured, true, and why nothing was measured, for each retina."""
    truths = {(line["field"], line["seed"]): line["truth"] for line in lines if line["by"] == TRUE_MASKS}
    ways = dict.fromkeys((line["by"], line["weights"]) for line in lines)
    for field in sorted({line["field"] for line in lines}):
        for way in sorted(ways, key=lambda way: (way[0] != TRUE_MASKS, way)):
            some = [
                line
                for line in lines
                if line["field"] == field
                and (line["by"], line["weights"]) == way
                and (field, line["seed"]) in truths
            ]
            if not some:
                continue
            columns: dict[str, list[tuple[float, float, str | None]]] = {}
            for line in some:
                truth = truths[field, line["seed"]]
                for name in {**truth, **line["missing"]}:
                    value = line["found"].get(name, np.nan)
                    known = (value, truth.get(name, np.nan), line["missing"].get(name))
                    columns.setdefault(name, []).append(known)
            yield field, way[0] if way[1] is None else f"through `{way[0]}` (weights {way[1]})", columns


def pairs_of(rows: Sequence[tuple[float, float, str | None]]) -> Pairs:
    """(N, 2) measured and true values."""
    return np.array([row[:2] for row in rows], float).reshape(-1, 2)


def _tables(columns: Mapping[str, Sequence[tuple[float, float, str | None]]]) -> str:
    """Rows of all places but quarters, then those, then what is missing and why."""
    agreed = {name: limits(pairs_of(rows)) for name, rows in sorted(columns.items())}
    shown = {name: one for name, one in agreed.items() if one.n}
    is_quarter = {name: name.endswith(tuple(f"_{sector}" for sector in SECTORS)) for name in shown}
    parts = [table(HEADER, (_row(n, one) for n, one in shown.items() if not is_quarter[n]))]
    if any(is_quarter.values()):
        parts.append("Quarters of the rings:\n")
        parts.append(table(HEADER, (_row(n, one) for n, one in shown.items() if is_quarter[n])))
    reasons: dict[str, Counter[str]] = {}
    for name, rows in columns.items():
        for *_, reason in rows:
            if reason is not None:
                reasons.setdefault(reason, Counter())[name] += 1
    for reason, counts in sorted(reasons.items()):
        told = ", ".join(f"`{name}` {count}" for name, count in sorted(counts.items()))
        parts.append(f"Missing with `{reason}`, retinas: {told}.\n")
    return "\n".join(parts)


def _row(name: str, one: Limits) -> list[str]:
    return [
        f"`{name}`",
        BIOMARKERS[name].unit,
        *(_said(value, ".4g") for value in (one.truth, one.bias, one.low, one.high)),
        _said(100 * one.bias / one.truth if one.truth else np.nan, "+.2f"),
        _said(100 * one.median_error, ".2f"),
        *(_said(value, ".3f") for value in (one.slope, one.r_squared)),
        str(one.n),
    ]


def _said(value: float, form: str) -> str:
    return f"{value:{form}}" if np.isfinite(value) else "–"


def draw_plots(lines: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Draw one plot a column of `PLOTTED`, with a panel a field and way of measuring; the files, in order."""
    panels: dict[str, dict[tuple[str, str], Pairs]] = {name: {} for name in PLOTTED}
    for field, way, columns in groups(lines):
        for name in PLOTTED:
            found = pairs_of(columns.get(name, ()))
            if np.isfinite(found).all(axis=1).any():
                panels[name][way.replace("`", ""), f"{field} mm"] = found
    files = []
    for name, some in panels.items():
        if some:
            files.append(folder / f"{name}.png")
            plot(some, files[-1], title=name, unit=BIOMARKERS[name].unit)
    return files
