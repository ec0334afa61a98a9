"""From masks to graphs: skeleton, smooth sub-pixel centre lines, calibre, bifurcations and crossings.

The graph's own types are light; what builds one is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retquant.vessels.clip import clip, long_enough
from retquant.vessels.graph import BORDER, BRANCH, CROSSING, END, LOOP, Bifurcations, Nodes, VesselGraph

if TYPE_CHECKING:
    from retquant.vessels.structures import build_graph, build_graphs

__all__ = [
    "BORDER",
    "BRANCH",
    "CROSSING",
    "END",
    "LOOP",
    "Bifurcations",
    "Nodes",
    "VesselGraph",
    "build_graph",
    "build_graphs",
    "clip",
    "long_enough",
]


def __getattr__(name: str) -> Any:
    if name in ("build_graph", "build_graphs"):  # bring in skan, numba and OpenCV
        from retquant.vessels import structures

        return getattr(structures, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
