"""From masks to graphs: skeleton, smooth sub-pixel centre lines, calibre, bifurcations and crossings.

The graph's own types are light; what builds one is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retquant.vessels.clip import clip, long_enough
from retquant.vessels.graph import BORDER, BRANCH, CROSSING, END, LOOP, Bifurcations, Nodes, VesselGraph

if TYPE_CHECKING:
    from retquant.vessels.orientation import build_graph

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
    "clip",
    "long_enough",
]


def __getattr__(name: str) -> Any:
    if name == "build_graph":  # brings in skan, numba and OpenCV
        from retquant.vessels.orientation import build_graph

        return build_graph
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
