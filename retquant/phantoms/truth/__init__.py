"""What is true of a digital eye, by the names of the biomarker columns, from its exact geometry.

Nothing here looks at a mask but `raster`, whose quantities are defined on one: it draws the eye on a finer grid. The
definitions are those of the biomarkers, written a second time on other data (the polylines and calibres that were
drawn), so that a mistake in one shows against the other.
"""

from retquant.phantoms.truth.crossings import Crossing, find_crossings
from retquant.phantoms.truth.junctions import Junction, find_junctions
from retquant.phantoms.truth.raster import raster_truth
from retquant.phantoms.truth.table import eye_truth
from retquant.phantoms.truth.trees import Tree, find_trees
from retquant.phantoms.truth.vessel import Vessel

__all__ = [
    "Crossing",
    "Junction",
    "Tree",
    "Vessel",
    "eye_truth",
    "find_crossings",
    "find_junctions",
    "find_trees",
    "raster_truth",
]
