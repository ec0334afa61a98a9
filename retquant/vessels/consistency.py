"""Arteries and veins made consistent on the vessels: what a model says pixel by pixel is weighed along each vessel.

A network labels pixels, and vessels are of one kind from end to end. So the vessels are traced without regard to their
kind and cut into stretches (`vessels.stretches`); each has the model's evidence along its centre line, bounded so that
no pixel outvotes many; neighbours are tied along vessels, at junctions by direction, and at crossings, where both are
likely to differ; and belief propagation (`vessels.belief`) weighs it all. Labels thus run along segments and through
crossings and start at the disc, inside which nothing is tied. A stretch whose log odds stay below a threshold is of
neither kind; one with a kind to each side of its line is two vessels that touch, and stays as it is. The same end is
served by spreading a network's labels over a tree of the vessels in F. Girard, C. Kavalec, F. Cheriet, Artificial
Intelligence in Medicine 94 (2019) 96-109, and by a likelihood of whole topologies in R. Estrada et al., IEEE
Transactions on Medical Imaging 34 (2015) 2518-2534.

Shapes: S stretches, P points of all stretches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from retquant.config import VesselSettings
from retquant.segmentation.segmentation import MODEL_SOURCE, TargetMask
from retquant.vessels.belief import beliefs
from retquant.vessels.orientation import Turn, own_turn
from retquant.vessels.relabel import AS_IT_IS, relabel, without
from retquant.vessels.stretches import Stretches, cut_in_stretches
from retquant.vessels.territory import Territory

EVIDENCE = 20.0
"""Log odds for one field's diameter of vessel of which the model is certain."""

USUAL_SHARE, SHARE_SPREAD, LEAN_SPREAD = 0.5, 0.05, 1.0
"""Arteries' share of the length of drawn vessels, its spread between images, and how far models lean (log odds)."""

_RIM_PX, _RIM_SHARE = 3.0, 0.005  # from the field's edge: pixels, and of its diameter
_RIM_MOST, _RIM_LENGTH = 0.6, 0.03  # of a stretch, and along a vessel in diameters, so near
_FLOOR = 2.0  # 8-bit probability added to both, so that nothing is certain
_LEANS = np.linspace(-4, 4, 161)


def is_refinable(targets: Mapping[str, TargetMask]) -> bool:
    """Whether a model made both arteries and veins: what a person drew is the last word."""
    return all(
        kind in targets and targets[kind].source.startswith(MODEL_SOURCE) for kind in ("artery", "vein")
    )


def consistent(
    targets: Mapping[str, TargetMask],
    *,
    fov: np.ndarray,
    settings: VesselSettings,
    disc: tuple[tuple[float, float], float] | None = None,
) -> dict[str, TargetMask]:
    """The `artery` and `vein` of `targets` with labels that run along vessels; nothing where a person drew either.

    And the model's `vessel` without the edge of the field, where it took that for one. `fov` is (H, W) bool, `disc` its
    centre (row, col) and radius in pixels where known. Maps stay maps: edges lie where the model drew them. Flipped or
    turned maps give flipped or turned ones.
    """
    if not is_refinable(targets):
        return {}
    maps = [targets[kind].probability for kind in ("artery", "vein")]
    whole = np.maximum.reduce([*maps, targets["vessel"].probability] if "vessel" in targets else maps)
    mask = (whole >= 128) & fov
    if not mask.any():
        return {}
    turn = own_turn(mask)
    if disc is not None:
        row, column = turn.points(np.array(disc[0]))
        disc = (float(row), float(column)), disc[1]
    artery, vein, whole, mask = (turn.picture(map_) for map_ in (*maps, whole, mask))
    vessels = cut_in_stretches(mask, settings, disc=disc)
    if not len(vessels):
        return {}
    field = turn.picture(fov).view(np.uint8)
    diameter = float(max(cv2.boundingRect(field)[2:]))
    is_rim = _is_rim(vessels, field, diameter)
    is_tie = ~is_rim[vessels.links].any(axis=1)
    evidence = _evidence(vessels, artery, vein, diameter, is_rim)
    odds = beliefs(evidence, vessels.links[is_tie], vessels.coupling[is_tie])
    least = float(np.log(settings.artery_vein_sureness / (1 - settings.artery_vein_sureness)))
    label = np.where(np.abs(odds) < least, 0, np.sign(odds)).astype(np.int8)
    label[is_rim] = 0
    territory = Territory.around(vessels, mask.shape)
    label[territory.is_pair(vessels, artery, vein, mask)] = AS_IT_IS
    refined = relabel(artery, vein, whole, vessels, label, territory=territory, disc=disc)
    back = _inverse(turn, mask.shape)
    changed = dict(zip(("artery", "vein"), refined, strict=True))
    if is_rim.any() and "vessel" in targets and targets["vessel"].source.startswith(MODEL_SOURCE):
        drawn = turn.picture(targets["vessel"].probability)
        changed["vessel"] = without(drawn, vessels, is_rim, territory=territory)
    return {name: replace(targets[name], probability=back.picture(map_)) for name, map_ in changed.items()}


def _is_rim(vessels: Stretches, field: np.ndarray, diameter: float) -> np.ndarray:
    """(S,) bool: the stretch runs along the edge of the field (H, W) uint8, which a model may take for a vessel.

    It is of neither kind, and would tie all vessels that reach the edge to each other.
    """
    inside = cv2.copyMakeBorder(field, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    to_edge = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    is_near = to_edge[_pixels(vessels, field.shape)] < _RIM_PX + _RIM_SHARE * diameter
    near = np.add.reduceat(is_near, vessels.starts[:-1], dtype=float)
    along = np.bincount(vessels.vessel, near)[vessels.vessel]  # few where a vessel just ends at the edge
    found: np.ndarray = (near > _RIM_MOST * np.diff(vessels.starts)) & (along > _RIM_LENGTH * diameter)
    return found


def _pixels(vessels: Stretches, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the pixel that each point (P,) lies in."""
    pixel = np.clip(np.rint(vessels.points).astype(np.intp), 0, np.array(shape) - 1)
    return pixel[:, 0], pixel[:, 1]


def _evidence(
    vessels: Stretches, artery: np.ndarray, vein: np.ndarray, diameter: float, is_rim: np.ndarray
) -> np.ndarray:
    """(S,) log odds of artery against vein that the maps (H, W) give each stretch by itself."""
    at = _pixels(vessels, artery.shape)
    odds = np.log((artery[at] + _FLOOR) / (vein[at] + _FLOOR))
    bounded = np.tanh((odds - _lean(odds[~is_rim[vessels.owner]])) / 2)
    per_point = EVIDENCE / diameter  # a point a pixel
    return per_point * np.add.reduceat(bounded, vessels.starts[:-1])


def _lean(odds: np.ndarray) -> float:
    """Log odds by which the model leans towards arteries in this image.

    On a camera that it does not know a model may call most vessels of an image one kind, while in every eye arteries
    and veins share the length nearly evenly. The most likely lean, given both spreads.
    """
    if not len(odds):
        return 0.0
    share = np.array([np.mean(1 / (1 + np.exp(lean - odds))) for lean in _LEANS])
    penalty = ((share - USUAL_SHARE) / SHARE_SPREAD) ** 2 + (_LEANS / LEAN_SPREAD) ** 2
    return float(_LEANS[penalty.argmin()])


def _inverse(turn: Turn, shape: tuple[int, ...]) -> Turn:
    """The turn that lays a picture back as it was."""
    flips = turn.is_upside_down, turn.is_mirrored
    upside_down, mirrored = flips[::-1] if turn.is_transposed else flips
    return Turn((int(shape[0]), int(shape[1])), upside_down, mirrored, turn.is_transposed)
