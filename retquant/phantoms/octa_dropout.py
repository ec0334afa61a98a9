"""Capillary dropout: patches of retina whose capillaries are gone, with the outline of each patch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retquant.phantoms.faz_outline import HarmonicOutline
from retquant.phantoms.octa_forest import TERMINAL_MM
from retquant.phantoms.octa_trees import Trees

_SPARED_MM = 4 * TERMINAL_MM  # vessels of a larger radius survive where the capillaries around them are lost
_MOST_PATCHES = 200


@dataclass(frozen=True, eq=False, kw_only=True)
class Dropout:
    """What was lost."""

    trees: Trees  # what is left
    patches: tuple[HarmonicOutline, ...]  # mm
    lost_share: float  # of vessel length


def drop_out(
    trees: Trees, share: float, field_mm: float, faz: HarmonicOutline, rng: np.random.Generator
) -> Dropout:
    """Take the capillaries of random patches, and all that hangs on them, until `share` of the length is gone.

    The last patch is shrunk until the loss is within a hundredth of `share` or the patch is a capillary's width.
    """
    length = trees.edge_length
    total = float(length.sum())
    keep = np.ones(len(trees), dtype=bool)
    patches: list[HarmonicOutline] = []
    lost = 0.0
    while share - lost > 0.005 and len(patches) < _MOST_PATCHES:
        patch = _patch(field_mm, faz, rng)
        after = _without(trees, keep, patch)
        while 1 - float(length[after].sum()) / total > share + 0.005 and patch.radius > 0.02:
            patch = HarmonicOutline(
                center=patch.center,
                radius=0.85 * patch.radius,
                amplitudes=patch.amplitudes,
                phases=patch.phases,
            )
            after = _without(trees, keep, patch)
        patches.append(patch)
        keep = after
        lost = 1 - float(length[keep].sum()) / total
    return Dropout(trees=trees.kept(keep), patches=tuple(patches), lost_share=lost)


def _patch(field_mm: float, faz: HarmonicOutline, rng: np.random.Generator) -> HarmonicOutline:
    """An outline anywhere in the field but over the fovea."""
    center = np.array(faz.center)
    while np.hypot(*(center - faz.center)) < 2.5 * faz.radius:
        center = rng.uniform(0.05, 0.95, 2) * field_mm
    amplitudes = rng.uniform(-1, 1, 4) * np.array([0.18, 0.1, 0.06, 0.04])
    return HarmonicOutline(
        center=(float(center[0]), float(center[1])),
        radius=float(rng.uniform(0.12, 0.35)),
        amplitudes=tuple(amplitudes.tolist()),
        phases=tuple(rng.uniform(0, 2 * np.pi, 4).tolist()),
    )


def _without(trees: Trees, keep: np.ndarray, patch: HarmonicOutline) -> np.ndarray:
    """(N,) the nodes that are left once the capillaries in `patch` are gone."""
    hit = patch.contains(trees.position) & (trees.radius <= _SPARED_MM) & (trees.parent >= 0)
    left = (keep & ~hit).tolist()
    for node, before in enumerate(trees.parent.tolist()):  # parents come first
        if before >= 0 and not left[before]:
            left[node] = False
    return np.array(left)
