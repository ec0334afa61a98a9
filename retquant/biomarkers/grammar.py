"""How a column is named: closed vocabularies, one regular expression, one way to read a name.

`<structure>_<biomarker>[_<statistic>][_<region>][_<sector>][_<slab>][__se]`, as in
`artery_calibre_median_zone_c`.
The same words lie in `schemas/vocabulary.json` for other programs; a test keeps the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

LESIONS = (
    "microaneurysm",
    "haemorrhage",
    "hard_exudate",
    "cotton_wool_spot",
    "drusen",
    "laser_scar",
    "neovascularisation",
)
STRUCTURES = (
    *("vessel", "artery", "vein", "av", "crae", "crve", "avr"),
    *("disc", "cup", "rim", "cdr", "fovea"),
    *LESIONS,
    *("tessellation", "peripapillary_atrophy", "diffuse_atrophy", "patchy_atrophy", "grade"),
    *("large_vessel", "capillary", "faz"),
    "quality",
)
STATISTICS = ("mean", "median", "std", "min", "max", "p10", "p90", "p95", "length_weighted")
REGIONS = (
    *("fov", "zone_b", "zone_c", "fovea", "parafovea", "perifovea", "field"),
    *("superior_half", "inferior_half", "nasal_half", "temporal_half"),
)
SECTORS = ("superior", "nasal", "inferior", "temporal")
SLABS = ("svc", "icp", "dvc", "full", "ilm_opl", "opl_bm")
BIOMARKERS = (
    *("area_density", "length_density"),
    *("calibre", "calibre_cv", "knudtson", "knudtson_n4", "hubbard"),
    *("calibre_profile", "knudtson_profile", "knudtson_n4_profile", "hubbard_profile"),
    *("length_diameter_ratio", "focal_narrowing", "nicking"),
    *(f"tortuosity_hart{order}" for order in range(1, 8)),
    *("tortuosity_grisan", "tortuosity_icm", "tortuosity_soam", "tortuosity_scc", "tortuosity_trucco"),
    "inflections",
    *("fractal_d0", "fractal_d1", "fractal_d2", "fractal_skeleton_d0"),
    *("multifractal_width", "multifractal_height", "singularity_length"),
    *("lacunarity", "lacunarity_slope", "sparsity"),
    *("branch_points", "end_points", "components", "crossings"),
    *("branch_point_density", "branch_points_per_length"),
    *("branching_angle", "angle_asymmetry", "asymmetry_ratio", "area_ratio"),
    *("junctional_exponent", "junctional_no_root", "junctional_deviation", "optimality_ratio"),
    *("strahler_order", "horton_branching_ratio", "horton_length_ratio", "tree_asymmetry"),
    *("area", "diameter_vertical", "diameter_horizontal", "ovality", "torsion"),
    *("vertical", "horizontal", "width", "width_min_clock_hour", "isnt_rule", "disc_area_ratio"),
    *("fovea_distance", "fovea_angle", "arcade_angle", "arcade_parabola_a"),
    *("diameter_index", "perimeter_index", "complexity_index"),
    *("intercapillary_distance", "flow_deficit_fraction", "flow_deficit_count", "flow_deficit_mean_area"),
    *("nonperfusion_area", "fd300", "perfusion_intensity_density", "flux", "blood_flow_index"),
    *("perimeter", "circularity", "acircularity", "axis_ratio", "roundness", "solidity"),
    *("equivalent_diameter", "max_inscribed_diameter", "centroid_offset"),
    *(
        "fov_fraction",
        "illumination_uniformity",
        "clipped_fraction",
        "sharpness",
        "noise",
        "blockiness",
        "score",
    ),
    *("signal_strength", "motion_lines", "shadow_fraction", "defocus"),
    *("vessel_sharpness", "vessel_contrast_to_noise"),
    *("zone_b_visible", "zone_c_visible", "fovea_visible", "parafovea_visible", "perifovea_visible"),
)
"""Every biomarker's own name; none of them ends in a word of a later slot."""

VOCABULARY = {
    "structure": STRUCTURES,
    "biomarker": BIOMARKERS,
    "statistic": STATISTICS,
    "region": REGIONS,
    "sector": SECTORS,
    "slab": SLABS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnName:
    """A column's name, slot by slot."""

    structure: str
    biomarker: str
    statistic: str | None = None
    region: str | None = None
    sector: str | None = None
    slab: str | None = None
    is_standard_error: bool = False

    def __str__(self) -> str:
        slots = (self.structure, self.biomarker, self.statistic, self.region, self.sector, self.slab)
        return "_".join(slot for slot in slots if slot) + ("__se" if self.is_standard_error else "")


def parse(name: str, *, more_biomarkers: Iterable[str] = ()) -> ColumnName:
    """Read a column's name back into its slots.

    Parameters
    ----------
    more_biomarkers : iterable of str
        Biomarkers that other packages registered, in addition to the vocabulary's own.

    Raises
    ------
    ValueError
        The name does not follow the grammar.
    """
    match = pattern(tuple(more_biomarkers)).fullmatch(name)
    if match is None:
        raise ValueError(
            f"{name!r} does not read <structure>_<biomarker>[_<statistic>][_<region>][_<sector>][_<slab>]"
        )
    slots = match.groupdict()
    return ColumnName(is_standard_error=slots.pop("standard_error") is not None, **slots)


@lru_cache(maxsize=8)
def pattern(more_biomarkers: tuple[str, ...] = ()) -> re.Pattern[str]:
    """The grammar as one regular expression with a named group a slot."""
    words = {**VOCABULARY, "biomarker": (*BIOMARKERS, *more_biomarkers)}

    def slot(kind: str) -> str:
        # longest first, so that a word is never read as a shorter one with a rest
        return f"(?P<{kind}>{'|'.join(sorted(words[kind], key=len, reverse=True))})"

    optional = "".join(f"(?:_{slot(kind)})?" for kind in ("statistic", "region", "sector", "slab"))
    return re.compile(f"{slot('structure')}_{slot('biomarker')}{optional}(?P<standard_error>__se)?")
