"""En-face slabs out of OCT angiography volumes, between the lines of the retina's layers that the file brings.

Volumes are read by eyepy, an optional dependency; HEYEX's .vol is the one format of which an open reader knows both
the angiogram and the layers. Where a file has no lines nothing is projected: a slab at a guessed depth is no slab.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.decode import check_size
from retquant.images.planes import volume_without_lines
from retquant.manifest.addresses import Address
from retquant.manifest.members import split_member

if TYPE_CHECKING:
    from eyepy import EyeVolume

BORDERS: Mapping[str, tuple[str, str]] = {
    "svc": ("ILM", "IPL-"),
    "icp": ("IPL-", "IPL+"),
    "dvc": ("IPL-", "OPL"),
    "full": ("ILM", "BM"),
    "ilm_opl": ("ILM", "OPL"),
    "opl_bm": ("OPL", "BM"),
}
"""Slab -> the lines it lies between, by the names that HEYEX gives them; plexuses as in Campbell et al. 2017."""

VOLUME_ENDINGS = (".vol", ".e2e", ".fda", ".fds", ".oct")
UNNAMED = ("ilm_opl",)  # what is projected where the manifest names no slab: the inner retina
ENOUGH = 0.95  # share of the field's A-scans that both lines of a slab must be known at
BRIGHTEST = 99.9  # percentile of the flow that becomes white, the same for all slabs of a volume
SQUARE = 0.01  # relative difference of the spacings up to which samples count as square

_HEADER = struct.Struct("<12sIII")  # version, A-scans a B-scan, B-scans, samples an A-scan
_MAX_SAMPLES = 600_000_000  # 2.4 GB


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ProjectedVolume:
    """Slabs of a volume. Shapes: S slabs of H by W pixels."""

    slabs: np.ndarray  # (S, H, W) uint8
    names: tuple[str, ...]  # S, or none where the manifest names none
    um_per_px: float | None
    remarks: tuple[str, ...]


def read_volume(path: Path, *, names: Sequence[str], settings: ImageSettings) -> ProjectedVolume:
    """Project the slabs of those names out of a HEYEX .vol file with an angiogram.

    Samples that are not square are interpolated to the finer spacing, which the remarks say.

    Raises
    ------
    ImageError
        The file is of another maker, damaged or too large, has no lines for a slab, or eyepy is not installed.
    """
    where = str(path)
    if path.suffix.lower() != ".vol":
        raise ImageError(
            f"no reader knows angiograms in {path.suffix.lower()} files",
            where=where,
            remedy="export the en-face slabs as PNG or TIFF, or from HEYEX as .vol",
        )
    _check_header(path, settings)
    volume = _opened(path)
    chosen = tuple(names) or UNNAMED
    for name in chosen:
        if name not in BORDERS:
            raise ImageError(
                f"no layers are known for a slab called {name or 'nothing'!r}",
                where=where,
                remedy=f"name the slabs of a volume {', '.join(BORDERS)}",
            )
    flow = np.asarray(volume.data, dtype=np.float32)
    lines = {layer: _line(volume, layer) for name in chosen for layer in BORDERS[name]}
    projected = []
    for name in chosen:
        top, bottom = (lines[layer] for layer in BORDERS[name])
        if top is None or bottom is None or float(np.isfinite(top + bottom).mean()) < ENOUGH:
            raise volume_without_lines(
                f"this is a volume, {name} lies between {' and '.join(BORDERS[name])}", where
            )
        projected.append(project(flow, top, bottom))
    # HEYEX counts B-scans from below, pictures their rows from above
    stacked = np.stack(projected)[:, ::-1]
    full = float(np.percentile(stacked, BRIGHTEST))
    if not full > 0:
        raise ImageError("the volume shows no flow", where=where, remedy="export it with its angiogram")
    slabs, um_per_px, remarks = _squared(np.clip(stacked / full, 0, 1), volume)
    return ProjectedVolume(
        slabs=np.round(slabs * 255).astype(np.uint8),
        names=tuple(names),
        um_per_px=um_per_px,
        remarks=(f"projected from a volume: {', '.join(chosen)}", *remarks),
    )


def project(flow: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """(B, A) float32 mean flow between two lines, 0 where they touch, cross or are unknown.

    Parameters
    ----------
    flow : (B, D, A) float
        Volume of B B-scans, D samples deep, A A-scans wide; NaN counts as no sample.
    top, bottom : (B, A) float
        Depth of the lines in samples; a sample belongs to the slab by the share of it that lies between.
    """
    known = np.isfinite(top) & np.isfinite(bottom) & (bottom > top)
    first, last = np.where(known, top, 0.0)[:, None], np.where(known, bottom, 0.0)[:, None]
    depth = np.arange(flow.shape[1], dtype=np.float32)[None, :, None]
    share = np.clip(np.minimum(depth + 0.5, last) - np.maximum(depth - 0.5, first), 0, 1).astype(np.float32)
    share *= np.isfinite(flow)
    total = (np.nan_to_num(flow) * share).sum(axis=1)
    weight = share.sum(axis=1)
    return np.where(weight > 0, total / np.maximum(weight, 1e-6), 0.0).astype(np.float32)


def _check_header(path: Path, settings: ImageSettings) -> None:
    where = str(path)
    if split_member(where) is not None or isinstance(path, Address):
        raise ImageError(
            "a volume is read from the disk only",
            where=where,
            remedy="copy or unpack it, or give en-face slabs",
        )
    if not path.is_file():
        raise ImageError("there is no such file", where=where, remedy="mend the path in the manifest")
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError as error:
        raise ImageError(
            f"the file cannot be read ({error.strerror or error})",
            where=where,
            remedy="check its permissions",
        ) from None
    if len(head) < _HEADER.size or (not head.startswith(b"HSF-") and not head.startswith(b"ep-")):
        raise ImageError(
            "this is no HEYEX volume",
            where=where,
            remedy="export it from HEYEX as .vol, or give en-face slabs",
        )
    _, a_scans, b_scans, depth = _HEADER.unpack(head)
    check_size((a_scans, b_scans), where=where, settings=settings)
    samples = a_scans * b_scans * depth
    if samples > _MAX_SAMPLES:
        raise ImageError(
            f"a volume of {samples:,} samples is more than the limit of {_MAX_SAMPLES:,}",
            where=where,
            remedy="export its en-face slabs",
        )
    if path.stat().st_size < 4 * samples:
        raise ImageError("the volume is cut short", where=where, remedy="copy the file again")


def _opened(path: Path) -> EyeVolume:
    try:
        import eyepy
    except ImportError:
        raise ImageError(
            "reading OCT volumes needs eyepy, which is not installed",
            where=str(path),
            remedy='pip install "retquant[oct]"',
        ) from None
    try:
        return eyepy.import_heyex_angio_vol(path)
    except Exception as error:  # a parser of another package, on a stranger's file
        raise ImageError(
            f"the volume is damaged ({type(error).__name__})",  # its words may quote the patient's name
            where=str(path),
            remedy="copy or export the file again",
        ) from None


def _line(volume: Any, name: str) -> np.ndarray | None:
    """(B, A) depth of a line in samples, or None where the file does not draw it."""
    try:
        return np.asarray(volume.layers[name].data, dtype=np.float64)
    except KeyError:
        return None


def _squared(slabs: np.ndarray, volume: Any) -> tuple[np.ndarray, float | None, tuple[str, ...]]:
    """Slabs of square pixels, their pitch, and what was done to them."""
    across, down = float(volume.scale_x), float(volume.scale_z)
    if volume.meta["scale_unit"] != "mm" or not (across > 0 and down > 0):
        return slabs, None, ("the volume does not tell its spacing",)
    if abs(across - down) <= SQUARE * max(across, down):
        return slabs, 500.0 * (across + down), ()
    import cv2

    fine = min(across, down)
    size = (round(slabs.shape[2] * across / fine), round(slabs.shape[1] * down / fine))
    drawn = np.stack([cv2.resize(slab, size, interpolation=cv2.INTER_LINEAR) for slab in slabs])
    remark = f"interpolated from {slabs.shape[2]} × {slabs.shape[1]} samples to square pixels"
    return drawn, 1000.0 * fine, (remark,)
