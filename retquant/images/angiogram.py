"""From the files of an OCT angiogram to a `RetinalImage` that carries its slabs with their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.facts import FileFacts
from retquant.images.field_of_view import fit_field
from retquant.images.files import read_bytes
from retquant.images.masks import read_target_mask
from retquant.images.planes import Planes, read_planes
from retquant.images.retinal_image import RetinalImage
from retquant.images.volume import VOLUME_ENDINGS, read_volume

BLACK_LEVEL, WHITE_LEVEL = 12, 250  # 8-bit; a slab wholly below or above shows no flow
SQUARE = 0.01  # relative difference of the sides up to which one figure tells the pitch of both


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Angiogram:
    """What an angiogram's files hold, before anything is made of it. Shapes: S slabs of H by W pixels."""

    slabs: np.ndarray  # (S, H, W) uint8
    names: tuple[str, ...]  # S words, or none
    colour: np.ndarray | None  # (H, W, 3) uint8 RGB, where slab 1 was a picture in colour
    bit_depth: int
    facts: FileFacts
    remarks: tuple[str, ...]


def read_slabs(files: Sequence[Path], *, names: Sequence[str] = (), settings: ImageSettings) -> Angiogram:
    """Read the slabs of one scan: one file each, or all of them in one file.

    One file may be a picture, a TIFF of several pages, a NumPy array of slabs × rows × columns, a volume with the
    lines of the retina's layers, or, where three names are given, a picture whose channels are three slabs.

    Raises
    ------
    ImageError
        A file cannot be read, the slabs are of unlike size, one is blank, or there are fewer than are named.
    """
    first = files[0]
    if first.suffix.lower() in VOLUME_ENDINGS and len(files) == 1:
        volume = read_volume(first, names=names, settings=settings)
        return _checked(
            Angiogram(
                slabs=volume.slabs,
                names=volume.names,
                colour=None,
                bit_depth=32,
                facts=FileFacts(um_per_px=volume.um_per_px),
                remarks=volume.remarks,
            ),
            [str(first)] * len(volume.slabs),
        )
    read = [read_planes(read_bytes(path), where=str(path), settings=settings) for path in files]
    slabs = _in_channels(read[0]) if len(files) == 1 and len(names) == 3 else None
    if slabs is None:
        slabs = _gathered(read, files)
        colour = read[0].colour
    else:
        colour = None
    if names and len(names) != len(slabs):
        raise ImageError(
            f"{len(names)} slabs are named ({', '.join(names)}), and the image has {len(slabs)}",
            where=str(first),
            remedy="give as many files, pages or channels as names, in their order",
        )
    sources = [str(path) for path in files] if len(files) == len(slabs) else [str(first)] * len(slabs)
    remarks = ("the angiogram is in colour, and its brightness was taken",) if colour is not None else ()
    found = Angiogram(
        slabs=slabs,
        names=tuple(names),
        colour=colour,
        bit_depth=max(planes.bit_depth for planes in read),
        facts=read[0].facts,
        remarks=remarks + read[0].facts.remarks,
    )
    return _checked(found, sources)


def as_image(found: Angiogram, *, eye: str | None = None, fov_mask: Path | None = None) -> RetinalImage:
    """The image that every later stage sees; its field is the whole frame, whatever of it a mask leaves out.

    Raises
    ------
    ImageError
        The field-of-view mask cannot be read, is of another size, or is empty.
    """
    shape = (int(found.slabs.shape[1]), int(found.slabs.shape[2]))
    fov = np.ones(shape, dtype=bool)
    field = fit_field(fov)
    if fov_mask is not None:
        fov = read_target_mask(fov_mask, shape)[0] >= 128
        if not fov.any():
            raise ImageError(
                "the field-of-view mask is empty", where=str(fov_mask), remedy="leave fov_mask empty"
            )
    return RetinalImage(
        pixels=np.repeat(found.slabs[0][..., None], 3, axis=2),
        fov=fov,
        field=field,
        modality="octa",
        eye=eye or found.facts.eye,
        bit_depth=found.bit_depth,
        is_grey=True,
        slabs=found.slabs,
        slab_names=found.names,
        um_per_px=found.facts.um_per_px,
        fov_deg=found.facts.fov_deg,
        device=found.facts.device,
        acquired_at=found.facts.acquired_at,
        remarks=found.remarks,
    )


def _in_channels(planes: Planes) -> np.ndarray | None:
    return None if planes.colour is None else np.ascontiguousarray(np.moveaxis(planes.colour, 2, 0))


def _gathered(read: Sequence[Planes], files: Sequence[Path]) -> np.ndarray:
    """(S, H, W) slabs of all files, of one size and of one scale of grey."""
    if len(read) == 1:
        return read[0].planes
    size = read[0].planes.shape[1:]
    deepest = max(planes.bit_depth for planes in read)
    gathered = []
    for number, (planes, path) in enumerate(zip(read, files, strict=True), start=1):
        if len(planes.planes) > 1:
            raise ImageError(
                f"slab {number} is a file of {len(planes.planes)} planes",
                where=str(path),
                remedy="give one slab a file, or all of them in the one file in the column image",
            )
        if planes.planes.shape[1:] != size:
            here, there = (f"{w} × {h}" for h, w in (planes.planes.shape[1:], size))
            raise ImageError(
                f"slab {number} is {here} pixels, slab 1 {there}",
                where=str(path),
                remedy="export all slabs of an eye at one size; they are never resampled in silence",
            )
        gathered.append(_at_depth(planes, deepest))
    return np.concatenate(gathered)


def _at_depth(planes: Planes, deepest: int) -> np.ndarray:
    """Grey levels such that equal signal is equally bright in a slab of 10 bits and in one of 12."""
    if not 8 < planes.bit_depth < deepest <= 16:
        return planes.planes
    share = (2**planes.bit_depth - 1) / (2**deepest - 1)
    return np.round(planes.planes * share).astype(np.uint8)


def _checked(found: Angiogram, sources: Sequence[str]) -> Angiogram:
    for number, (plane, source) in enumerate(zip(found.slabs, sources, strict=True)):
        sample = plane[::4, ::4]
        darkest, brightest = int(sample.min()), int(sample.max())
        what = (
            "all black"
            if brightest <= BLACK_LEVEL
            else "all white"
            if darkest >= WHITE_LEVEL
            else "one even grey"
            if darkest == brightest
            else None
        )
        if what is not None:
            raise ImageError(
                f"slab {found.names[number] if found.names else number + 1} is {what}",
                where=source,
                remedy="leave the slab out, or export it again",
            )
    return found


def is_square(shape: tuple[int, int]) -> bool:
    """Whether a field's one size says how large its pixels are."""
    return abs(shape[0] - shape[1]) <= SQUARE * max(shape)
