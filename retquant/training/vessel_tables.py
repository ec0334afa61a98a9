"""Exact truth of synthetic angiograms: a table of straight vessel pieces, drawn where a mask would be read.

The format is that of Kreitner et al. (2024): `node1,node2,radius` in a unit box, x to rows, y to columns; the trees
follow one another, arteries first, as many as veins.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retquant.errors import ConfigError
from retquant.phantoms.octa_raster import draw_pieces

LARGE_RADIUS = 0.01 / 3  # of the box: 10 um in a field of 3 mm, what readers trace as large vessels
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True, eq=False)
class VesselTable:
    """N straight pieces in a unit box."""

    starts: np.ndarray  # (N, 2) row, column
    stops: np.ndarray  # (N, 2)
    radii: np.ndarray  # (N,)
    is_vein: np.ndarray  # (N,) bool

    def targets(self, size: int) -> Iterator[tuple[str, np.ndarray]]:
        """Each target with the (size, size) float32 share of each pixel that it covers."""
        large = self.radii > LARGE_RADIUS
        chosen = {
            "large_vessel": large,
            "capillary": np.ones(len(large), bool),
            "artery": large & ~self.is_vein,
            "vein": large & self.is_vein,
        }
        for target, of in chosen.items():
            points = (self.starts[of] * size - 0.5, self.stops[of] * size - 0.5)
            yield target, draw_pieces(*points, self.radii[of] * size, (size, size))


def read_vessel_table(path: Path) -> VesselTable:
    """Read a table, gzipped or not.

    Raises
    ------
    ConfigError
        A line does not hold two points of three coordinates and a radius.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    lines = [_NUMBER.findall(line) for line in text.splitlines()[1:] if line.strip()]
    wrong = next((i for i, numbers in enumerate(lines, start=2) if len(numbers) != 7), None)
    if wrong is not None or not lines:
        raise ConfigError(
            "this is no table of vessels: `node1,node2,radius`, points of three coordinates in brackets",
            where=f"{path}, line {wrong or 1}",
            remedy="mend `truth.graph`",
        )
    rows = np.array(lines, dtype=float)
    nodes, index = np.unique(np.concatenate([rows[:, :3], rows[:, 3:6]]), axis=0, return_inverse=True)
    first, second = index.reshape(2, -1)
    links = coo_array((np.ones(len(rows)), (first, second)), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(links, directed=False)
    _, begins, trees = np.unique(labels[first], return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(begins))  # of the trees, as they follow one another in the file
    return VesselTable(
        starts=rows[:, :2],
        stops=rows[:, 3:5],
        radii=rows[:, 6],
        is_vein=order[trees] >= len(begins) / 2,
    )
