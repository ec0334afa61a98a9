"""Drawn vessel masks of real eyes, as the benchmarks and tests on real data take them.

No scale comes with these data sets; it is taken from the nominal angle of each camera's field. Vessel, artery and
vein masks are one bit, as people save them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from functools import cache
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import cv2
import numpy as np
from PIL import Image

from retquant.anatomy import Anatomy, Disc, Scale, find_disc, resolve_scale
from retquant.biomarkers import MeasureInputs, Measurement, measure
from retquant.config import VesselSettings
from retquant.images import find_field_of_view, fit_field, read_image, read_target_mask
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.vessels import build_graphs

FIELD_DEG = {"DRIVE": 45.0, "CHASE_DB1": 30.0, "HRF": 45.0, "IDRiD": 50.0}
VESSELS = ("vessel", "artery", "vein")


@dataclass(frozen=True, eq=False, kw_only=True)
class DrawnEye:
    """One eye's masks at (H, W), with what is needed to measure them."""

    name: str
    person: str
    masks: Mapping[str, np.ndarray]  # structure -> (H, W) uint8, 0..255
    fov: np.ndarray  # (H, W) bool
    um_per_px: float
    is_hard: bool = True
    disc: Disc | None = None
    fovea: tuple[float, float] | None = None  # (row, col)
    eye: str | None = None  # OD | OS
    soft: frozenset[str] = default(default_factory=frozenset)  # structures that are probabilities


def measured(eye: DrawnEye, columns: tuple[str, ...] | None = None) -> dict[str, Measurement]:
    """All biomarkers of an eye."""
    return measure(inputs_of(eye), columns)


def inputs_of(eye: DrawnEye) -> MeasureInputs:
    """The eye as `measure` takes it, its graphs built."""
    targets = {
        name: TargetMask(probability=mask, source="manifest", is_hard=eye.is_hard and name not in eye.soft)
        for name, mask in eye.masks.items()
    }
    graphs = build_graphs(
        {name: targets[name] for name in VESSELS if name in targets},
        fov=eye.fov,
        settings=VesselSettings(),
        disc_center=eye.disc.center if eye.disc else None,
    )
    return MeasureInputs(
        modality="cfp",
        fov=eye.fov,
        field=fit_field(eye.fov),
        segmentation=Segmentation(targets=MappingProxyType(targets)),
        anatomy=Anatomy(
            disc=eye.disc,
            fovea=eye.fovea,
            scale=Scale(um_per_px=eye.um_per_px, source="fov_deg"),
            eye=eye.eye,
        ),
        graphs=MappingProxyType(graphs),
    )


def drive(folder: Path, *, part: str = "test", observer: int = 1) -> Iterator[DrawnEye]:
    """DRIVE: vessels of an observer, arteries and veins where the first is asked for (RITE)."""
    for path in sorted((folder / "DRIVE" / part / "mask").glob("*.gif")):
        number, stem = path.name[:2], path.name.removesuffix("_mask.gif")
        shape = shape_of(path)
        drawn = next(
            (folder / "DRIVE" / part / ("1st_manual", "2nd_manual")[observer - 1]).glob(f"{number}_*")
        )
        masks = {"vessel": read_target_mask(drawn, shape)[0]}
        if observer == 1:
            masks |= arteries_and_veins(folder / "DRIVE" / part / "av" / f"{stem}.png")
        fov = read_target_mask(path, shape)[0] > 0
        yield DrawnEye(
            name=f"DRIVE {number}", person=number, masks=masks, fov=fov, um_per_px=um_per_px(fov, "DRIVE")
        )


def chase(folder: Path, *, observer: int = 1) -> Iterator[DrawnEye]:
    """CHASE_DB1: vessels of an observer; both eyes of a child follow each other."""
    for path in sorted((folder / "CHASE_DB1").glob("*.jpg")):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        drawn = path.with_name(f"{path.stem}_{('1st', '2nd')[observer - 1]}HO.png")
        fov = find_field_of_view(pixels)
        yield DrawnEye(
            name=f"CHASE {path.stem[6:]}",
            person=path.stem[6:8],
            masks={"vessel": read_target_mask(drawn, fov.shape)[0]},  # type: ignore[arg-type]
            fov=fov,
            um_per_px=um_per_px(fov, "CHASE_DB1"),
            eye="OS" if path.stem.endswith("L") else "OD",
        )


def hrf(folder: Path, *, size: str = "half") -> Iterator[DrawnEye]:
    """HRF, at half or full size: arteries and veins, and both together."""
    for path in sorted((folder / f"HRF_{size}" / "av").glob("*.png")):
        fov = read_target_mask(folder / f"HRF_{size}" / "fov" / path.name, shape_of(path))[0] > 0
        masks = {"vessel": np.where(_codes(path) > 0, np.uint8(255), np.uint8(0))} | arteries_and_veins(path)
        yield DrawnEye(
            name=f"HRF {path.stem} ({size})",
            person=path.stem,
            masks=masks,
            fov=fov,
            um_per_px=um_per_px(fov, "HRF"),
        )


def idrid(folder: Path) -> Iterator[DrawnEye]:
    """IDRiD at half size: the disc as drawn, the vessels as the shipped model's probabilities."""
    from retquant.config import ImageSettings, RunConfig
    from retquant.segmentation.segmenter import load_segmenter

    settings = RunConfig().segmentation
    segment = load_segmenter(settings.model, device="cpu", precision=settings.precision, hand=settings.hand)
    for path in sorted((folder / "IDRiD_lesions" / "images").glob("*.jpg")):
        image = read_image(path, modality="cfp", eye=None, fov_mask=None, settings=ImageSettings())
        drawn = next((folder / "IDRiD_lesions" / "OD").glob(f"{path.stem}*"))
        disc = halved(read_target_mask(drawn, image.shape)[0])
        fov = halved(np.where(image.fov, np.uint8(255), np.uint8(0))) >= 128
        yield DrawnEye(
            name=f"IDRiD {path.stem[6:]}",
            person=path.stem,
            masks={"vessel": halved(segment(image).targets["vessel"].probability), "disc": disc},
            fov=fov,
            um_per_px=um_per_px(fov, "IDRiD"),
            is_hard=False,
            soft=frozenset({"vessel"}),
            disc=find_disc(TargetMask(probability=disc, source="manifest")),
        )


def halved(mask: np.ndarray) -> np.ndarray:
    """(H/2, W/2) of (H, W) uint8, by area."""
    size = mask.shape[1] // 2, mask.shape[0] // 2
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA))


def arteries_and_veins(path: Path) -> dict[str, np.ndarray]:
    """Arteries and veins, from codes 1, 2 and 3: crossing or uncertain.

    A patch of code 3 is a crossing, thus both, where it touches an artery and a vein, and else neither.
    """
    codes = _codes(path)
    count, patch = cv2.connectedComponents((codes == 3).astype(np.uint8), connectivity=8)
    near = np.ones((3, 3), np.uint8)
    is_crossing = np.ones(count, dtype=bool)
    is_crossing[0] = False
    for code in (1, 2):
        touched = np.unique(patch[cv2.dilate((codes == code).astype(np.uint8), near) > 0])
        is_crossing &= np.isin(np.arange(count), touched)
    both = is_crossing[patch]
    return {
        name: np.where((codes == code) | both, np.uint8(255), np.uint8(0))
        for name, code in (("artery", 1), ("vein", 2))
    }


def um_per_px(fov: np.ndarray, camera: str) -> float:
    """Micrometres per pixel by the nominal angle of the field."""
    record = SimpleNamespace(
        um_per_px=None,
        fov_mm=None,
        fov_deg=FIELD_DEG[camera],
        axial_length_mm=None,
        spherical_equivalent_d=None,
        corneal_radius_mm=None,
        device=None,
    )
    scale = resolve_scale(record, field=fit_field(fov)).um_per_px
    assert scale is not None  # an angle was given
    return scale


def shape_of(path: Path) -> tuple[int, int]:
    """(H, W) of a picture."""
    with Image.open(path) as picture:
        return picture.height, picture.width


@cache
def _codes(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture if picture.mode in ("P", "L") else picture.convert("L"))
