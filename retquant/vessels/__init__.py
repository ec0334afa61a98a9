"""From masks to graphs: skeleton, smooth sub-pixel centre lines, calibre, bifurcations and crossings.

The graph's own types are light; what builds one is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retquant.vessels.clip import clip, long_enough
from retquant.vessels.graph import BORDER, BRANCH, CROSSING, END, LOOP, Bifurcations, Nodes, VesselGraph

if TYPE_CHECKING:
    from retquant.vessels.interchange import to_networkx, to_skan
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
    "to_networkx",
    "to_skan",
]


def __getattr__(name: str) -> Any:
    if name in ("build_graph", "build_graphs"):  # bring in numba and OpenCV
        from retquant.vessels import structures

        return getattr(structures, name)
    if name in ("to_networkx", "to_skan"):
        from retquant.vessels import interchange

        return getattr(interchange, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
