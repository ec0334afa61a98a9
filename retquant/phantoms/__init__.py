"""Digital retinas with exact truth: closed-form shapes to prove measurements on."""

from retquant.phantoms.areas import (
    filled_square,
    foveal_zone,
    full_image,
    parallel_vessels,
    sierpinski_carpet,
    spokes,
)
from retquant.phantoms.branching import binary_tree, crossing, murray_junction, y_junction
from retquant.phantoms.coverage import block_coverage, ellipse_coverage, render_coverage
from retquant.phantoms.curves import koch_curve, quarter_circle, sine_vessel, straight_vessel
from retquant.phantoms.geometry import Block, Ellipse, Tube
from retquant.phantoms.shape import Shape

__all__ = [
    "Block",
    "Ellipse",
    "Shape",
    "Tube",
    "binary_tree",
    "block_coverage",
    "crossing",
    "ellipse_coverage",
    "filled_square",
    "foveal_zone",
    "full_image",
    "koch_curve",
    "murray_junction",
    "parallel_vessels",
    "quarter_circle",
    "render_coverage",
    "sierpinski_carpet",
    "sine_vessel",
    "spokes",
    "straight_vessel",
    "y_junction",
]
