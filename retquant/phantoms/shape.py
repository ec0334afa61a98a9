"""A phantom with its truth: geometry that can be turned, resized and shifted, and rendered as coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from retquant.phantoms.coverage import block_coverage, ellipse_coverage, render_coverage
from retquant.phantoms.faz_outline import Polygon, polygon_coverage
from retquant.phantoms.geometry import Block, Ellipse, Move, Tube, resize_by, shift_by, turn_about

_CURVATURES: Mapping[str, int] = {
    "grisan": -1,
    "hart3": -1,
    "hart4": -1,
    "hart5": -2,
    "hart6": -1,
    "hart7": -2,
    "soam": -1,
}


def length_power(quantity: str) -> int:
    """Power of a pixel in a truth: from its name's ending, or the definition of the tortuosity it names."""
    for ending, power in (("_per_px", -1), ("_px2", 2), ("_px", 1)):
        if quantity.endswith(ending):
            return power
    return _CURVATURES.get(quantity, 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Shape:
    """A phantom whose measurements have known values.

    `truth` holds them by quantity: pure numbers (`tortuosity_hart1`, `branch_points`), pixels (`calibre_px`)
    and powers of pixels (`hart3` in 1/px, `hart5` in 1/px^2). Unless the name says which (`vein_calibre_px`),
    a truth holds for each structure that is drawn. A quantity without a known value is absent.
    """

    name: str
    size: tuple[int, int]  # (H, W) pixels
    tubes: Mapping[str, tuple[Tube, ...]] = field(default_factory=dict)  # by structure: artery, vein, ...
    blocks: Mapping[str, tuple[Block, ...]] = field(default_factory=dict)  # filled areas, by structure
    disc: Ellipse | None = None
    cup: Ellipse | None = None
    faz: Ellipse | Polygon | None = None
    fov: Ellipse | None = None  # None: the whole frame
    fovea: tuple[float, float] | None = None  # (row, col) pixels
    um_per_px: float = 5.0
    truth: Mapping[str, float] = field(default_factory=dict)

    def coverage(self, structure: str) -> np.ndarray:
        """(H, W) float32 share of each pixel that `structure` covers, 0 where it is not drawn.

        `vessel` is artery and vein together unless it was drawn by itself; `disc`, `cup`, `faz` and `fov` are
        areas.
        """
        if structure in ("disc", "cup", "faz", "fov"):
            area: Ellipse | Polygon | None = getattr(self, structure)
            if area is None:
                return np.full(self.size, float(structure == "fov"), dtype=np.float32)
            if isinstance(area, Polygon):
                return polygon_coverage(area, self.size)
            return ellipse_coverage(area, self.size)
        if structure == "vessel" and "vessel" not in {**self.tubes, **self.blocks}:
            return np.maximum(self.coverage("artery"), self.coverage("vein"))
        drawn = render_coverage(self.tubes.get(structure, ()), self.size)
        if structure in self.blocks:
            np.maximum(drawn, block_coverage(self.blocks[structure], self.size), out=drawn)
        return drawn

    def rotated(self, degrees: float) -> Shape:
        """The shape turned about the centre of its frame, from the row axis towards the column axis."""
        center = ((self.size[0] - 1) / 2, (self.size[1] - 1) / 2)
        return self._moved(turn_about(center, degrees), turn_deg=degrees)

    def scaled(self, factor: float) -> Shape:
        """The shape in a frame of `factor` times as many pixels a side: the same eye, sampled otherwise."""
        moved = self._moved(resize_by(factor), factor=factor)
        return replace(
            moved,
            size=(round(self.size[0] * factor), round(self.size[1] * factor)),
            um_per_px=self.um_per_px / factor,
            truth={key: value * factor ** length_power(key) for key, value in self.truth.items()},
        )

    def shifted(self, offset: tuple[float, float]) -> Shape:
        """The shape moved by `offset` (rows, columns) pixels, whole or not, within the same frame."""
        return self._moved(shift_by(offset))

    def _moved(self, move: Move, *, factor: float = 1.0, turn_deg: float = 0.0) -> Shape:
        def move_ellipse(ellipse: Ellipse | None) -> Ellipse | None:
            return None if ellipse is None else ellipse.moved(move, factor=factor, turn_deg=turn_deg)

        fovea = None if self.fovea is None else move(np.array([self.fovea], dtype=float))[0]
        return replace(
            self,
            tubes={
                name: tuple(tube.moved(move, factor=factor) for tube in tubes)
                for name, tubes in self.tubes.items()
            },
            blocks={
                name: tuple(block.moved(move, factor=factor, turn_deg=turn_deg) for block in blocks)
                for name, blocks in self.blocks.items()
            },
            disc=move_ellipse(self.disc),
            cup=move_ellipse(self.cup),
            faz=None if self.faz is None else self.faz.moved(move, factor=factor, turn_deg=turn_deg),
            fov=move_ellipse(self.fov),
            fovea=None if fovea is None else (float(fovea[0]), float(fovea[1])),
        )
