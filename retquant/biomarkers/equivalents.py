"""Central retinal artery and vein equivalents: one calibre inside the nerve, from six around the disc."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from retquant.biomarkers.measurement import Measurement, missing
from retquant.biomarkers.registry import biomarker
from retquant.biomarkers.workspace import MINIMUM_SAMPLES, View
from retquant.vessels.graph import BORDER, BRANCH
from retquant.vessels.packing import middle

ZONES = ("zone_b", "zone_c")
EDGE_PX = 2.0  # a centre line that ends this near to a zone's circle reaches it

KNUDTSON_ARTERY, KNUDTSON_VEIN = 0.88, 0.95

Combine = Callable[[float, float], float]  # (narrower, wider) -> trunk


@biomarker(
    unit="um",
    reference="Knudtson2003",
    structures=("crae",),
    regions=ZONES,
    id="crae_knudtson",
    word="knudtson",
    direction="higher_is_better",
)
def crae_knudtson(view: View) -> Measurement:
    """Central retinal artery equivalent by Knudtson from the six widest arteries, W = 0.88 sqrt(w1^2 + w2^2).

    One calibre for each connected path that crosses the zone: a vessel that branches inside counts once, by
    its trunk before the branching. The widest is paired with the narrowest and a middle one carried until one
    is left.
    """
    return _equivalent(view, 6, _knudtson(KNUDTSON_ARTERY))


@biomarker(
    unit="um",
    reference="Knudtson2003",
    structures=("crae",),
    regions=ZONES,
    id="crae_knudtson_n4",
    word="knudtson_n4",
    direction="higher_is_better",
)
def crae_knudtson_n4(view: View) -> Measurement:
    """Central retinal artery equivalent by Knudtson from the four widest arteries.

    As `crae_knudtson` otherwise.
    """
    return _equivalent(view, 4, _knudtson(KNUDTSON_ARTERY))


@biomarker(
    unit="um",
    reference="Knudtson2003",
    structures=("crve",),
    regions=ZONES,
    id="crve_knudtson",
    word="knudtson",
    direction="higher_is_worse",
)
def crve_knudtson(view: View) -> Measurement:
    """Central retinal vein equivalent by Knudtson from the six widest veins, W = 0.95 sqrt(w1^2 + w2^2).

    Vessels are chosen and paired as for `crae_knudtson`.
    """
    return _equivalent(view, 6, _knudtson(KNUDTSON_VEIN))


@biomarker(
    unit="um",
    reference="Knudtson2003",
    structures=("crve",),
    regions=ZONES,
    id="crve_knudtson_n4",
    word="knudtson_n4",
    direction="higher_is_worse",
)
def crve_knudtson_n4(view: View) -> Measurement:
    """Central retinal vein equivalent by Knudtson from the four widest veins.

    As `crve_knudtson` otherwise.
    """
    return _equivalent(view, 4, _knudtson(KNUDTSON_VEIN))


@biomarker(
    unit="1",
    reference="Knudtson2003",
    structures=("avr",),
    regions=ZONES,
    id="avr_knudtson",
    word="knudtson",
    direction="higher_is_better",
    aliases=("arteriole-to-venule ratio",),
)
def avr_knudtson(artery: View, vein: View) -> Measurement:
    """Central retinal artery equivalent divided by the vein equivalent, both by Knudtson."""
    return _ratio(crae_knudtson(artery), crve_knudtson(vein))


@biomarker(
    unit="1",
    reference="Knudtson2003",
    structures=("avr",),
    regions=ZONES,
    id="avr_knudtson_n4",
    word="knudtson_n4",
    direction="higher_is_better",
)
def avr_knudtson_n4(artery: View, vein: View) -> Measurement:
    """Central retinal artery equivalent divided by the vein equivalent, by Knudtson from four vessels."""
    return _ratio(crae_knudtson_n4(artery), crve_knudtson_n4(vein))


@biomarker(
    unit="um",
    reference="Hubbard1999",
    structures=("crae",),
    regions=ZONES,
    id="crae_hubbard",
    word="hubbard",
    needs_scale="nominal",
    direction="higher_is_better",
)
def crae_hubbard(view: View) -> Measurement:
    """Central retinal artery equivalent by Hubbard, sqrt(0.87 w1^2 + 1.01 w2^2 - 0.22 w1 w2 - 10.76) in um.

    w1 is the narrower branch. Vessels are chosen and paired as for `crae_knudtson`.
    """
    return _hubbard(view, lambda w1, w2: 0.87 * w1**2 + 1.01 * w2**2 - 0.22 * w1 * w2 - 10.76)


@biomarker(
    unit="um",
    reference="Hubbard1999",
    structures=("crve",),
    regions=ZONES,
    id="crve_hubbard",
    word="hubbard",
    needs_scale="nominal",
    direction="higher_is_worse",
)
def crve_hubbard(view: View) -> Measurement:
    """Central retinal vein equivalent by Hubbard, sqrt(0.72 w1^2 + 0.91 w2^2 + 450.05) in um.

    w1 is the narrower branch; some texts print 450.02. Vessels are chosen and paired as for `crae_knudtson`.
    """
    return _hubbard(view, lambda w1, w2: 0.72 * w1**2 + 0.91 * w2**2 + 450.05)


@biomarker(
    unit="1",
    reference="Hubbard1999",
    structures=("avr",),
    regions=ZONES,
    id="avr_hubbard",
    word="hubbard",
    needs_scale="nominal",
    direction="higher_is_better",
)
def avr_hubbard(artery: View, vein: View) -> Measurement:
    """Central retinal artery equivalent divided by the vein equivalent, both by Hubbard."""
    return _ratio(crae_hubbard(artery), crve_hubbard(vein))


def pair_up(calibres: np.ndarray, combine: Combine) -> float:
    """Pair the widest with the narrowest, carry a middle one, and go on until one calibre is left."""
    rest = sorted(map(float, calibres))
    while len(rest) > 1:
        half = len(rest) // 2
        carried = rest[half : len(rest) - half]
        rest = sorted([combine(rest[i], rest[-1 - i]) for i in range(half)] + carried)
    return rest[0]


def crossing_calibres(view: View) -> np.ndarray:
    """Calibres in pixels of the vessels that cross a zone, widest first, one for each connected path."""
    return crossing_vessels(view)[0]


def crossing_vessels(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(K,) calibres in pixels, widest first, and (K,) segments of `view.graph` that they are of.

    A path begins on the zone's inner circle and reaches its outer circle or the edge of the field. A
    connected part with one trunk and many branches counts once; parts that only touch, such as two crossing
    arteries, count by the lesser of their ends on either side.
    """
    graph = view.graph
    if not len(graph):
        return np.zeros(0), np.zeros(0, np.intp)
    label = view.part
    at_inner, at_outer = _reaches(view)
    found: list[tuple[float, int]] = []
    for part in np.unique(label[at_inner.any(axis=1)]):
        inner = np.flatnonzero((label == part)[:, None] & at_inner) // 2
        exits = int(np.count_nonzero((label == part)[:, None] & at_outer))
        trunks = sorted(((_trunk_calibre(view, int(s)), int(s)) for s in inner), reverse=True)
        found += trunks[: min(len(trunks), exits)]
    found = sorted((each for each in found if math.isfinite(each[0])), key=lambda each: -each[0])
    return np.array([width for width, _ in found]), np.array([s for _, s in found], np.intp)


def _reaches(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(B, 2) bool each: whether a segment's two ends lie on the zone's inner, and on its outer side."""
    graph, zone = view.graph, view.extent.region
    ends = np.stack([graph.points[graph.starts[:-1]], graph.points[graph.starts[1:] - 1]], axis=1)
    distance = zone.distance(ends)  # type: ignore[attr-defined]
    at_inner = distance <= zone.inner_px + EDGE_PX  # type: ignore[attr-defined]
    at_circle = distance >= zone.outer_px - EDGE_PX  # type: ignore[attr-defined]
    kind = np.stack([graph.nodes.kind[graph.source], graph.nodes.kind[graph.target]], axis=1)
    is_open = (
        kind != BRANCH
    )  # a trunk that divides beside the circle comes in once, not again by each daughter
    return at_inner & is_open, (at_circle | (kind == BORDER) & ~at_inner) & is_open


def _trunk_calibre(view: View, segment: int) -> float:
    """Calibre of the trunk inside the zone; where it divides too soon to tell, of the same vessel before the zone.

    Failing that, of its widest branch.
    """
    own = view.segment_calibre[segment]
    if math.isfinite(own):
        return float(own)
    graph = view.graph
    samples = graph.calibre[graph.segment(segment)]
    samples = samples[np.isfinite(samples)]
    if len(samples) >= MINIMUM_SAMPLES // 2:
        return middle(samples)
    before = _calibre_before(view, segment)
    if math.isfinite(before):
        return before
    ends = (graph.source[segment], graph.target[segment])
    touching = np.isin(graph.source, ends) | np.isin(graph.target, ends)
    widths = view.segment_calibre[touching]
    widths = widths[np.isfinite(widths)]
    return float(widths.max()) if len(widths) else math.nan


def _calibre_before(view: View, segment: int) -> float:
    """Median of the samples over three calibres of the whole vessel before the place where the zone cuts it."""
    graph, whole, zone = view.graph, view.whole, view.extent.region
    run = graph.segment(segment)
    ends = graph.points[[run.start, run.stop - 1]]
    place = ends[np.argmin(zone.distance(ends))]  # type: ignore[attr-defined]
    # on the disc's side alone: the nearest point may be a daughter's where the trunk divides on the very circle
    before = view.shared("before_zone", _before_zone)
    if not len(before):
        return math.nan
    away = np.hypot(*(whole.points[before] - place).T)
    segment_of = np.searchsorted(whole.starts, before, side="right") - 1
    same = (segment_of == segment_of[np.argmin(away)]) & np.isfinite(whole.calibre[before])
    if not same.any():
        return math.nan
    calibre = whole.calibre[before][same]
    samples = calibre[away[same] <= 3 * middle(calibre)]
    return middle(samples) if len(samples) >= MINIMUM_SAMPLES // 2 else math.nan


def _before_zone(view: View) -> np.ndarray:
    """Points of the whole graph on the disc's side of the zone."""
    zone = view.extent.region
    return np.flatnonzero(zone.distance(view.whole.points) <= zone.inner_px + 0.5)  # type: ignore[attr-defined]


def _equivalent(view: View, vessels: int, combine: Combine) -> Measurement:
    calibres, _ = view.shared("crossing_vessels", crossing_vessels)
    if len(calibres) < vessels:
        return missing("too_few_vessels")
    return Measurement(value=pair_up(calibres[:vessels], combine), n=len(calibres))


def _knudtson(constant: float) -> Combine:
    return lambda narrower, wider: constant * math.hypot(narrower, wider)


def _hubbard(view: View, squared: Combine) -> Measurement:
    um_per_px = view.inputs.anatomy.scale.um_per_px
    assert um_per_px is not None  # the engine gives no view to a measure whose scale is missing

    def combine(narrower: float, wider: float) -> float:
        # the constants are square micrometres, so the formula is never fed pixels
        return math.sqrt(max(0.0, squared(narrower * um_per_px, wider * um_per_px))) / um_per_px

    return _equivalent(view, 6, combine)


def _ratio(artery: Measurement, vein: Measurement) -> Measurement:
    for part in (artery, vein):
        if part.reason is not None:
            return missing(part.reason)
    return Measurement(value=artery.value / vein.value, n=min(artery.n or 0, vein.n or 0))
