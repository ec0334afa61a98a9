"""Digital retinas with exact truth: closed-form shapes, simple eyes grown from a seed, and cohorts of them.

None of it has clinical meaning: it exists so that every number of the toolkit can be held against a known answer.
"""

from retquant.phantoms.angiogram import angiogram
from retquant.phantoms.angiogram_style import AngiogramStyle, Saccade
from retquant.phantoms.areas import (
    filled_square,
    foveal_zone,
    full_image,
    parallel_vessels,
    sierpinski_carpet,
    spokes,
)
from retquant.phantoms.branching import binary_tree, crossing, murray_junction, y_junction
from retquant.phantoms.cohort import write_cohort
from retquant.phantoms.coverage import block_coverage, ellipse_coverage, render_coverage
from retquant.phantoms.curves import koch_curve, quarter_circle, sine_vessel, straight_vessel
from retquant.phantoms.disc_shapes import parabolic_arcades, tilted_disc
from retquant.phantoms.eye import Eye, EyeTraits, simple_eye
from retquant.phantoms.faz_outline import HarmonicOutline, Polygon, polygon_coverage
from retquant.phantoms.faz_shapes import capillary_grid, harmonic_zone, polygonal_zone
from retquant.phantoms.geometry import Block, Ellipse, Tube
from retquant.phantoms.making import make_cohort
from retquant.phantoms.octa_graph import OctaGraph
from retquant.phantoms.octa_retina import OctaRetina, OctaTraits, octa_retina
from retquant.phantoms.people import CohortDesign, Disease, Person, draw_people
from retquant.phantoms.photograph import PhotographStyle, photograph
from retquant.phantoms.shape import Shape
from retquant.phantoms.shape_set import write_shapes
from retquant.phantoms.truth import Crossing, Junction, Tree, Vessel, raster_truth

__all__ = [
    "AngiogramStyle",
    "Block",
    "CohortDesign",
    "Crossing",
    "Disease",
    "Ellipse",
    "Eye",
    "EyeTraits",
    "HarmonicOutline",
    "Junction",
    "OctaGraph",
    "OctaRetina",
    "OctaTraits",
    "Person",
    "PhotographStyle",
    "Polygon",
    "Saccade",
    "Shape",
    "Tree",
    "Tube",
    "Vessel",
    "angiogram",
    "binary_tree",
    "block_coverage",
    "capillary_grid",
    "crossing",
    "draw_people",
    "ellipse_coverage",
    "filled_square",
    "foveal_zone",
    "full_image",
    "harmonic_zone",
    "koch_curve",
    "make_cohort",
    "murray_junction",
    "octa_retina",
    "parabolic_arcades",
    "parallel_vessels",
    "photograph",
    "polygon_coverage",
    "polygonal_zone",
    "quarter_circle",
    "raster_truth",
    "render_coverage",
    "sierpinski_carpet",
    "simple_eye",
    "sine_vessel",
    "spokes",
    "straight_vessel",
    "tilted_disc",
    "write_cohort",
    "write_shapes",
    "y_junction",
]
