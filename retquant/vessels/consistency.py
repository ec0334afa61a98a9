"""Arteries and veins made consistent on the vessels: what a model says pixel by pixel is weighed along each vessel.

A network labels pixels, and vessels are of one kind from end to end. So the vessels are traced without regard to their
kind and cut into stretches (`vessels.stretches`); each has the model's evidence along its centre line, bounded so that
no pixel outvotes many; neighbours are tied along vessels, at junctions by direction, and at crossings, where both are
likely to differ; and belief propagation (`vessels.belief`) weighs it all. Labels thus run along segments and through
crossings and start at the disc, inside which nothing is tied. A stretch whose log odds stay below a threshold is of
neither kind. The same end is served by spreading a network's labels over a tree of the vessels in F. Girard,
C. Kavalec, F. Cheriet, Artificial Intelligence in Medicine 94 (2019) 96-109, and by a likelihood of whole topologies in
R. Estrada et al., IEEE Transactions on Medical Imaging 34 (2015) 2518-2534.

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
from retquant.vessels.relabel import relabel
from retquant.vessels.stretches import Stretches, cut_in_stretches

EVIDENCE = 20.0
"""Log odds for one field's diameter of vessel of which the model is certain."""

USUAL_SHARE, SHARE_SPREAD, LEAN_SPREAD = 0.5, 0.05, 1.0
"""Arteries' share of the length of drawn vessels, its spread between images, and how far models lean (log odds)."""

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

    `fov` is (H, W) bool, `disc` its centre (row, col) and radius in pixels where known. Maps stay maps: edges lie where
    the model drew them. Flipped or turned maps give flipped or turned ones.
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
    diameter = float(max(cv2.boundingRect(turn.picture(fov).view(np.uint8))[2:]))
    odds = beliefs(_evidence(vessels, artery, vein, diameter), vessels.links, vessels.coupling)
    least = float(np.log(settings.artery_vein_sureness / (1 - settings.artery_vein_sureness)))
    label = np.where(np.abs(odds) < least, 0, np.sign(odds)).astype(np.int8)
    refined = relabel(artery, vein, whole, vessels, label, disc=disc)
    back = _inverse(turn, mask.shape)
    return {
        kind: replace(targets[kind], probability=back.picture(map_))
        for kind, map_ in zip(("artery", "vein"), refined, strict=True)
    }


def _evidence(vessels: Stretches, artery: np.ndarray, vein: np.ndarray, diameter: float) -> np.ndarray:
    """(S,) log odds of artery against vein that the maps (H, W) give each stretch by itself."""
    pixel = np.clip(np.rint(vessels.points).astype(np.intp), 0, np.array(artery.shape) - 1)
    chance = [map_[pixel[:, 0], pixel[:, 1]] + _FLOOR for map_ in (artery, vein)]
    odds = np.log(chance[0] / chance[1])
    bounded = np.tanh((odds - _lean(odds)) / 2)
    per_point = EVIDENCE / diameter  # a point a pixel
    return per_point * np.add.reduceat(bounded, vessels.starts[:-1])


def _lean(odds: np.ndarray) -> float:
    """Log odds by which the model leans towards arteries in this image.

    On a camera that it does not know a model may call most vessels of an image one kind, while in every eye arteries
    and veins share the length nearly evenly. The most likely lean, given both spreads.
    """
    share = np.array([np.mean(1 / (1 + np.exp(lean - odds))) for lean in _LEANS])
    penalty = ((share - USUAL_SHARE) / SHARE_SPREAD) ** 2 + (_LEANS / LEAN_SPREAD) ** 2
    return float(_LEANS[penalty.argmin()])


def _inverse(turn: Turn, shape: tuple[int, ...]) -> Turn:
    """The turn that lays a picture back as it was."""
    flips = turn.is_upside_down, turn.is_mirrored
    upside_down, mirrored = flips[::-1] if turn.is_transposed else flips
    return Turn((int(shape[0]), int(shape[1])), upside_down, mirrored, turn.is_transposed)
