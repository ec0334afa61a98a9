"""The columns that a manifest may have: names, kinds, limits and meaning, for reader and schema alike.

Every name here is reserved, also where nothing measures by it yet. Any other column is a covariate or label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MANIFEST_VERSION = "1"

EYES = {
    **dict.fromkeys(("od", "r", "right", "re"), "OD"),
    **dict.fromkeys(("os", "l", "left", "le"), "OS"),
}
"""Spelling in lower case -> eye."""

MODALITIES = {"cfp": "cfp", "octa": "octa"}
USUAL_MODALITY = "cfp"

SLABS = {
    **{word: word for word in ("svc", "icp", "dvc", "full", "ilm_opl", "opl_bm")},
    "superficial": "svc",
    "intermediate": "icp",
    "deep": "dvc",
    "retina": "full",
}
"""Spelling in lower case, "_" for blanks and hyphens -> slab, as it stands in the names of biomarkers."""

LESION_TARGETS = (
    "microaneurysm",
    "haemorrhage",
    "hard_exudate",
    "cotton_wool_spot",
    "drusen",
    "laser_scar",
    "neovascularisation",
)
PHENOTYPE_TARGETS = ("tessellation", "peripapillary_atrophy", "diffuse_atrophy", "patchy_atrophy")
TARGETS = (
    *("vessel", "artery", "vein", "av"),
    *("disc", "cup", "fovea", "fov"),
    *("large_vessel", "capillary", "faz"),
    *LESION_TARGETS,
    *PHENOTYPE_TARGETS,
)
"""Targets that a manifest may bring a mask of, as `<target>_mask`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A reserved column, or a family of them where `pattern` is given."""

    name: str
    kind: str  # "path" | "text" | "number" | "eye" | "modality" | "slab" | "date"
    meaning: str
    unit: str = ""
    above: float | None = None  # a number must exceed it
    least: float | None = None
    most: float | None = None
    remedy: str = ""  # for a number out of its limits
    pattern: str = ""


COLUMNS = (
    Column(
        name="image",
        kind="path",
        meaning="Image file, absolute or relative to the manifest; in an archive eyes.zip::left/1.png. Required.",
    ),
    Column(
        name="image_id",
        kind="text",
        meaning="Name of the image in every table, unique and fit for a file name; by default the file's name "
        "without its ending, made unique by its folder.",
    ),
    Column(name="participant_id", kind="text", meaning="Person; both eyes and all visits share it."),
    Column(name="eye", kind="eye", meaning="OD or OS; R and L, RE and LE, right and left are understood."),
    Column(name="modality", kind="modality", meaning="cfp (colour fundus photograph, the default) or octa."),
    Column(name="visit", kind="text", meaning="Visit or wave."),
    Column(
        name="acquired_at",
        kind="date",
        meaning="Date, or date and time, at which the image was taken, as in ISO 8601.",
    ),
    Column(name="device", kind="text", meaning="Camera or scanner."),
    Column(name="site", kind="text", meaning="Place at which the image was taken."),
    Column(
        name="um_per_px",
        kind="number",
        unit="um",
        above=0,
        meaning="Micrometres of retina that a pixel spans.",
        remedy="Write micrometres per pixel, above 0, or leave it empty.",
    ),
    Column(
        name="fov_mm",
        kind="number",
        unit="mm",
        above=0,
        meaning="Diameter of the field of view; the side of an OCTA scan.",
        remedy="Write millimetres, above 0, or leave it empty.",
    ),
    Column(
        name="fov_deg",
        kind="number",
        unit="deg",
        above=0,
        most=360,
        meaning="Angle of view of the camera, as 45.",
        remedy="Write degrees, above 0, or leave it empty.",
    ),
    Column(
        name="axial_length_mm",
        kind="number",
        unit="mm",
        least=15,
        most=40,
        meaning="Axial length of the eye.",
        remedy="Write millimetres from 15 to 40, or leave it empty.",
    ),
    Column(
        name="spherical_equivalent_d",
        kind="number",
        unit="dpt",
        least=-30,
        most=30,
        meaning="Spherical equivalent of the eye's refraction.",
        remedy="Write dioptres from -30 to 30, or leave it empty.",
    ),
    Column(
        name="corneal_radius_mm",
        kind="number",
        unit="mm",
        least=5,
        most=12,
        meaning="Mean radius of curvature of the cornea.",
        remedy="Write millimetres from 5 to 12, or leave it empty.",
    ),
    Column(
        name="fovea_x",
        kind="number",
        unit="px",
        least=0,
        meaning="Column of the fovea's centre, in pixels from the left edge.",
        remedy="Write pixels from the left, or leave both fovea_x and fovea_y empty.",
    ),
    Column(
        name="fovea_y",
        kind="number",
        unit="px",
        least=0,
        meaning="Row of the fovea's centre, in pixels from the top edge.",
        remedy="Write pixels from the top, or leave both fovea_x and fovea_y empty.",
    ),
)
FAMILIES = (
    Column(
        name="slab_<n>",
        kind="path",
        pattern=r"^slab_([2-9]|[1-9][0-9]+)$",
        meaning="Further slab of an OCTA scan: slab_2, slab_3, …; slab 1 is the image itself.",
    ),
    Column(
        name="slab_<n>_name",
        kind="slab",
        pattern=r"^slab_[1-9][0-9]*_name$",
        meaning="Name of a slab: svc (superficial), icp (intermediate), dvc (deep), full, ilm_opl or opl_bm, in "
        "slab_1_name, slab_2_name, … Slabs without a column of their own are the pages, planes or channels of image. "
        "Slabs of all angiograms are named, or of none; columns of results carry the names.",
    ),
    Column(
        name="<target>_mask",
        kind="path",
        pattern=rf"^({'|'.join(TARGETS)})_mask$",
        meaning="Mask of a target, of the image's own size, used in place of segmentation. Two values: hard mask; "
        "more: probability. av_mask: 0 background, 1 artery, 2 vein, 3 crossing, 4 uncertain.",
    ),
)
NUMBERS = tuple(column for column in COLUMNS if column.kind == "number")

IDENTIFYING = ("image_id", "participant_id", "eye", "visit", "modality", "device", "site", "acquired_at")
"""Reserved columns that the `participants` table has, beside covariates."""

OF_THE_EYE = ("axial_length_mm", "spherical_equivalent_d", "corneal_radius_mm")
"""Measurements of the eye: measuring reads them, and they are covariates of an analysis as well."""

_BY_NAME = {column.name: column for column in COLUMNS}


def reserved(name: str) -> Column | None:
    """The reserved column, or family, that `name` belongs to."""
    found = _BY_NAME.get(name)
    return found or next((family for family in FAMILIES if re.match(family.pattern, name)), None)


def standard_name(written: str) -> str:
    """The name of a column as known here: reserved ones whatever their case and blanks, others as written."""
    trimmed = written.strip()
    folded = re.sub(r"\s+", "_", trimmed).lower()
    return folded if reserved(folded) or folded == "slab_1" or folded.endswith("_mask") else trimmed
