"""How wide vessels are in the photograph itself, wherever a mask draws their edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from retquant.vessels.clip import segment_calibre
from retquant.vessels.graph import VesselGraph
from retquant.vessels.packing import segment_median
from retquant.vessels.profile_fit import fit_each, fit_shared
from retquant.vessels.profile_sampling import GRID, NARROWEST_PX, Profiles, read_profiles
from retquant.vessels.profile_shape import DEPTH, LEVEL, LOG_BLUR, LOG_WIDTH, OWN

MOST_WIDE, FEWEST_WIDE = 150, 5  # stretches from which a picture's blur and roundness are taken
WIDE_BLURS = 3.0  # a wide vessel is at least so many standard deviations of the blur across

DOME_BELIEF, REFLEX_BELIEF = (0.6, 0.3), (0.25, 0.2)
"""Mean and standard deviation of what the vessels of a picture share, where it does not show them itself."""

BLUR_FIELD_SHARE, LEAST_BLUR_PX, BLUR_SPREAD = 0.001, 0.6, 1.0
"""What the blur is expected to be: share of the field's diameter, pixels at the least, and spread of its log."""

SAME_BLUR = 0.03  # spread of the log blur of one structure's vessels about that of all

CONTRAST_SLOPE = 0.25
"""Of log contrast on log width: thin vessels hold less blood in depth. The vessels that are wide enough to tell it span
too few widths to be asked."""

FIRST_LOOK = 4.0  # times as long as a stretch are those of which only the width is wanted, to read them again

FAINTEST = 0.01  # contrast below which a dip is no vessel
FARTHEST = 3.0  # times as wide, or as narrow, as expected: another vessel was fitted, or none

TURNS = 12  # of the fit of what is shared


def profile_calibres(
    graphs: Mapping[str, VesselGraph], green: np.ndarray, *, fov: np.ndarray, occupied: np.ndarray
) -> dict[str, np.ndarray]:
    """Of each structure's graph, (P,) pixels: width at each point by the profile of its stretch; NaN without one.

    Stretches are three calibres long, so that a segment's points share a few values. What the picture's vessels share
    is taken from `vessel` where there is such a graph, else from all.

    Parameters
    ----------
    green : (H, W) uint8
    fov : (H, W) bool
    occupied : (H, W) bool
        Where any vessel is; its edges matter only to know that another vessel comes.
    """
    green = np.ascontiguousarray(green)

    def read(name: str, width: np.ndarray, longer: float = 1.0) -> Profiles:
        return read_profiles(graphs[name], green, fov=fov, occupied=occupied, width=width, longer=longer)

    calibres = {name: np.full(len(graph.points), np.nan) for name, graph in graphs.items()}
    drawn = {name: segment_calibre(graph) for name, graph in graphs.items()}
    drawn = {name: np.where(np.isfinite(width), width, NARROWEST_PX) for name, width in drawn.items()}
    looks = {name: read(name, width, FIRST_LOOK) for name, width in drawn.items()}
    told = _that_tell(looks)
    if told is None:
        return calibres
    # a profile reaches as far as the photograph's own width asks for, which a first look finds
    at_first = shared_parameters(told)
    reads = {name: read(name, _seen(look, at_first, drawn[name])) for name, look in looks.items()}
    told = _that_tell(reads)
    assert told is not None  # the same points are known
    of_all = shared_parameters(told)
    for name, profiles in reads.items():
        # arteries have more of a reflex than veins; the blur is the camera's and the eye's
        shared = of_all if name == "vessel" else shared_parameters(profiles, of_all)
        found = widths(profiles, shared)
        calibres[name][_points(profiles)] = np.repeat(found, profiles.last - profiles.first)
        calibres[name][~np.isfinite(graphs[name].calibre)] = np.nan
    return calibres


def _that_tell(reads: Mapping[str, Profiles]) -> Profiles | None:
    """The profiles from which to take what the vessels share: all vessels', or those of every structure."""
    filled = {name: profiles for name, profiles in reads.items() if len(profiles.first)}
    if "vessel" in filled:
        return filled["vessel"]
    return _joined(list(filled.values())) if filled else None


def _seen(look: Profiles, shared: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(B,) pixels, median width of each segment at first look; as `drawn` (B,) where none was found."""
    if not len(look.first):
        return drawn
    starts = np.searchsorted(look.segment, np.arange(len(drawn) + 1))
    seen = np.full(len(drawn), np.nan)
    seen[np.diff(starts) > 0] = segment_median(widths(look, shared), np.unique(starts))
    return np.where(np.isfinite(seen), seen, drawn)


def widths(read: Profiles, shared: np.ndarray) -> np.ndarray:
    """(S,) pixels, of each stretch; NaN where no vessel was found in its profile."""
    fitted, _ = _fitted(read, shared, _contrast(read, shared))
    wide = np.exp(fitted[:, LOG_WIDTH])
    with np.errstate(invalid="ignore"):
        is_vessel = fitted[:, DEPTH] > FAINTEST * fitted[:, LEVEL]
        is_same = np.abs(np.log(wide / read.width)) < math.log(FARTHEST)
    return np.where(is_vessel & is_same, wide, np.nan)


def shared_parameters(read: Profiles, of_all: np.ndarray | None = None) -> np.ndarray:
    """(3,) what the vessels of the picture share, see `profile_shape`, from the widest of them.

    `of_all` (3,) is what holds for all vessels, where `read` are some of them.
    """
    blur = max(BLUR_FIELD_SHARE * read.across, LEAST_BLUR_PX)
    belief = np.array([(math.log(blur), BLUR_SPREAD), DOME_BELIEF, REFLEX_BELIEF])
    if of_all is not None:
        belief = np.column_stack([of_all, (SAME_BLUR, DOME_BELIEF[1], REFLEX_BELIEF[1])])
    shared = belief[:, 0].copy()
    wide = _taken(read, np.argsort(-read.width, kind="stable")[:MOST_WIDE])
    fitted, noise = _fitted(wide, shared, np.zeros(3))
    for _ in range(2):
        good = _is_good(wide, fitted, noise) & (wide.width > WIDE_BLURS * math.exp(shared[LOG_BLUR]))
        if np.count_nonzero(good) < FEWEST_WIDE:
            break
        wide, fitted, noise = _taken(wide, good), fitted[good], noise[good]
        fit_shared(
            GRID, wide.reach, wide.levels, wide.weights, wide.edges, fitted, noise, shared, belief, TURNS
        )
    return shared


def _contrast(read: Profiles, shared: np.ndarray) -> np.ndarray:
    """(3,) how deep vessels are by their width, see `profile_fit`, from the widest of them."""
    wide = _taken(read, np.argsort(-read.width, kind="stable")[:MOST_WIDE])
    fitted, noise = _fitted(wide, shared, np.zeros(3))
    good = _is_good(wide, fitted, noise) & (wide.width > WIDE_BLURS * math.exp(shared[LOG_BLUR]))
    if np.count_nonzero(good) < FEWEST_WIDE:
        return np.zeros(3)
    fitted = fitted[good]
    contrast = np.log(fitted[:, DEPTH] / np.maximum(fitted[:, LEVEL], 1.0))
    level = float(np.median(contrast - CONTRAST_SLOPE * fitted[:, LOG_WIDTH]))
    return np.array([level, CONTRAST_SLOPE, 1.0])


def _is_good(read: Profiles, fitted: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(S,) bool: a vessel stands out of the noise, about as wide as in the mask, and the noise is the usual."""
    with np.errstate(invalid="ignore"):
        good = np.isfinite(noise) & (fitted[:, DEPTH] > noise)
        good &= np.abs(fitted[:, LOG_WIDTH] - np.log(read.width)) < math.log(2.0)
    return good & (noise <= 3 * np.median(noise[good])) if good.any() else good


def _fitted(read: Profiles, shared: np.ndarray, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fitted, noise = np.empty((len(read.first), OWN)), np.empty(len(read.first))
    fit_each(
        GRID,
        read.reach,
        read.levels,
        read.weights,
        read.edges,
        read.width,
        shared,
        contrast,
        fitted,
        noise,
    )
    return fitted, noise


def _points(read: Profiles) -> np.ndarray:
    """Numbers of the points of all stretches, one stretch after the other."""
    length = read.last - read.first
    return np.repeat(read.first - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))


def _joined(reads: list[Profiles]) -> Profiles:
    names = [field.name for field in fields(Profiles) if field.name != "across"]
    parts = {name: np.concatenate([getattr(read, name) for read in reads]) for name in names}
    return Profiles(across=reads[0].across, **parts)


def _taken(read: Profiles, which: np.ndarray) -> Profiles:
    names = [field.name for field in fields(Profiles) if field.name != "across"]
    return Profiles(across=read.across, **{name: getattr(read, name)[which] for name in names})
