"""From a file to a `RetinalImage`: pixels, field of view, and what the manifest knows of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.angiogram import as_image, is_square, read_slabs
from retquant.images.content import Content, content_of, doubt, refusal
from retquant.images.decode import Decoded, decode
from retquant.images.field_of_view import find_field_of_view, fit_field
from retquant.images.files import read_bytes
from retquant.images.masks import read_target_mask
from retquant.images.retinal_image import RetinalImage
from retquant.manifest.records import ImageRecord

BLACK_LEVEL, WHITE_LEVEL = 12, 250  # 8-bit; a frame wholly below or above holds no retina
PAPER_LEVEL, PAPER_SHARE = (
    240,
    0.5,
)  # of 2,302 mixed photographs the most overexposed has 0.15 of its field so white
_NO_SIZE = "the field's size is not given, and {width} × {height} pixels may be of 3 or of 6 mm: no lengths"
_OTHER_EYE = "the file says that this is {file}, the manifest says {manifest}, which was taken"
_OTHER_DAY = "the file says that this was taken on {file}, the manifest says {manifest}"
BLUE_EXCESS = 10.0  # 8-bit; red exceeds blue in every one of those, by 4 at least


def read_record(record: ImageRecord, *, settings: ImageSettings) -> RetinalImage:
    """Read the image of a manifest's row, with all slabs where it is an angiogram.

    Raises
    ------
    ImageError
        As `read_image`; or the picture is plainly of another kind than the row says, the slabs do not fit each other,
        or the row's size of the field tells no pitch.
    """
    if record.modality != "octa":
        photograph = read_image(
            record.image, modality=record.modality, fov_mask=record.masks.get("fov"), settings=settings
        )
        _refuse_another_kind(content_of(photograph.pixels), record)
        return _as_the_manifest_says(photograph, record)
    found = read_slabs((record.image, *record.slabs), names=record.slab_names, settings=settings)
    content = content_of(found.slabs[0] if found.colour is None else found.colour)
    _refuse_another_kind(content, record)
    image = _as_the_manifest_says(as_image(found, fov_mask=record.masks.get("fov")), record)
    if record.fov_mm is not None and record.um_per_px is None and not is_square(image.shape):
        height, width = image.shape
        raise ImageError(
            f"the angiogram is {width} × {height} pixels, and fov_mm ({record.fov_mm:g}) is the side of a square scan",
            where=str(record.image),
            remedy="give um_per_px in place of fov_mm",
        )
    remarks = image.remarks
    if (image.um_per_px, image.fov_deg, record.um_per_px, record.fov_mm, record.fov_deg) == (None,) * 5:
        remarks += (_NO_SIZE.format(width=image.shape[1], height=image.shape[0]),)
    return replace(image, remarks=remarks, doubt=doubt(content, "octa"))


def completed(record: ImageRecord, image: RetinalImage) -> ImageRecord:
    """The manifest's row, with what it leaves empty and the image's file tells: eye, angle of view, device.

    The angle is taken only where nobody gives the scale itself.
    """
    given = (record.um_per_px, record.fov_mm, record.fov_deg, image.um_per_px)
    return replace(
        record,
        eye=record.eye or image.eye,
        device=record.device or image.device,
        fov_deg=image.fov_deg if given == (None,) * 4 else record.fov_deg,
    )


def _as_the_manifest_says(image: RetinalImage, record: ImageRecord) -> RetinalImage:
    """With the eye of the manifest, whatever the file says; that they differ is remarked."""
    remarks = image.remarks
    if record.eye is not None and image.eye is not None and record.eye != image.eye:
        remarks += (_OTHER_EYE.format(file=image.eye, manifest=record.eye),)
    days = [None if day is None else day[:10] for day in (image.acquired_at, record.acquired_at)]
    if None not in days and days[0] != days[1]:
        remarks += (_OTHER_DAY.format(file=days[0], manifest=days[1]),)
    return replace(image, eye=record.eye or image.eye, remarks=remarks)


def _refuse_another_kind(content: Content, record: ImageRecord) -> None:
    if objection := refusal(content, record.modality):
        raise ImageError(objection[0], where=str(record.image), remedy=objection[1])


def read_image(
    path: Path,
    *,
    modality: str = "cfp",
    eye: str | None = None,
    fov_mask: Path | None = None,
    settings: ImageSettings,
) -> RetinalImage:
    """Read one retinal image.

    The field of view is the given mask, else found in the photograph; an angiogram's is its whole frame. Of an
    angiogram this reads what the one file holds, unnamed.

    Raises
    ------
    ImageError
        The file is missing, no picture, damaged, of a forbidden size, blank, or shows no field of view.
    """
    if modality == "octa":
        return as_image(read_slabs([path], settings=settings), eye=eye, fov_mask=fov_mask)
    found = decode(read_bytes(path), where=str(path), settings=settings)
    _refuse_blank(found, str(path))
    fov = _field_of_view(found, fov_mask, str(path))
    return RetinalImage(
        pixels=found.pixels,
        fov=fov,
        field=fit_field(fov),
        modality=modality,
        eye=eye or found.facts.eye,
        bit_depth=found.bit_depth,
        is_grey=found.is_grey,
        um_per_px=found.facts.um_per_px,
        fov_deg=found.facts.fov_deg,
        device=found.facts.device,
        acquired_at=found.facts.acquired_at,
        remarks=found.facts.remarks,
    )


def _field_of_view(found: Decoded, fov_mask: Path | None, where: str) -> np.ndarray:
    shape = found.pixels.shape[:2]
    if fov_mask is not None:
        given, _ = read_target_mask(fov_mask, (shape[0], shape[1]))
        if not (given >= 128).any():
            raise ImageError(
                "the field-of-view mask is empty", where=str(fov_mask), remedy="leave fov_mask empty"
            )
        return given >= 128
    try:
        fov = find_field_of_view(found.pixels)
    except ImageError as error:
        raise ImageError(error.problem, where=where, remedy=error.remedy) from None
    _refuse_what_is_no_fundus(found, fov, where)
    return fov


def _refuse_what_is_no_fundus(found: Decoded, fov: np.ndarray, where: str) -> None:
    """Refuse pages of text and pictures of a colour that no retina has; quality has to grade the rest."""
    step = max(1, max(fov.shape) // 512)
    field = found.pixels[::step, ::step][fov[::step, ::step]]
    white = float(np.mean(field.min(axis=1) >= PAPER_LEVEL))
    if white > PAPER_SHARE:
        raise ImageError(
            f"this is no fundus photograph: {white:.0%} of it is white",
            where=where,
            remedy="leave it out, or give its field of view in the column fov_mask",
        )
    red, green, blue = field.mean(axis=0)
    if blue > red + BLUE_EXCESS and blue > green:
        raise ImageError(
            f"this is no fundus photograph: blue ({blue:.0f}) exceeds red ({red:.0f})",
            where=where,
            remedy="leave it out, or mend the order of its colour channels",
        )


def _refuse_blank(found: Decoded, where: str) -> None:
    # every fourth pixel each way tells a blank frame from a picture
    sample = found.pixels[::4, ::4]
    darkest, brightest = int(sample.min()), int(sample.max())
    if brightest <= BLACK_LEVEL:
        raise ImageError("the picture is all black", where=where, remedy="leave it out, or take it again")
    if darkest >= WHITE_LEVEL:
        raise ImageError("the picture is all white", where=where, remedy="leave it out, or take it again")
    if darkest == brightest:
        raise ImageError(
            "the picture is one even colour", where=where, remedy="leave it out, or take it again"
        )
