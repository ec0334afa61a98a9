"""From a DICOM file's elements to frames of 8 bits; what the header claims is checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.codestream import codestream_size
from retquant.images.decode import check_size, scaled_to_bytes

if TYPE_CHECKING:
    from pydicom import Dataset

PLUGINS = 'pip install "retquant[dicom]"'

_GREY = ("MONOCHROME1", "MONOCHROME2")
_LUMA = ("YBR_FULL", "YBR_FULL_422")
_COLOUR = ("RGB", *_LUMA, "YBR_ICT", "YBR_RCT")
_RLE = "1.2.840.10008.1.2.5"
_EXTENDED_JPEG = "1.2.840.10008.1.2.4.51"  # of 8 or 12 bits
_EIGHT_BIT_ONLY = {"pillow", "gdcm"}  # of this they take all for their own, and read 8 bits
_RLE_SLACK = (
    2.0  # a run-length code, written without care, of a picture of noise; what is longer is no code of it
)
_HEADER = 4096  # bytes a frame for the codes' own headers and padding


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the header says that the picture is laid out."""

    width: int
    height: int
    frames: int
    samples: int  # a pixel: 1, or 3
    allocated: int  # bits that a sample takes: 8 or 16
    stored: int  # bits of them that are used
    high_bit: int
    is_signed: bool
    colours: str  # the photometric interpretation
    syntax: str  # UID of the transfer syntax


def layout_of(dataset: Dataset, *, where: str, settings: ImageSettings) -> Layout:
    """Read and check how the picture is laid out.

    Raises
    ------
    ImageError
        The header is damaged, or tells of a picture of a forbidden size or a kind that cannot be read.
    """
    stored = _count(dataset, "BitsStored", where)
    layout = Layout(
        width=_count(dataset, "Columns", where),
        height=_count(dataset, "Rows", where),
        frames=_count(dataset, "NumberOfFrames", where, usual=1),
        samples=_count(dataset, "SamplesPerPixel", where, usual=1),
        allocated=_count(dataset, "BitsAllocated", where),
        stored=stored,
        high_bit=_count(dataset, "HighBit", where, usual=stored - 1),
        is_signed=_count(dataset, "PixelRepresentation", where, usual=0) == 1,
        colours=str(dataset.get("PhotometricInterpretation", "")).strip(),
        syntax=_syntax(dataset, where),
    )
    check_size((layout.width, layout.height), where=where, settings=settings)
    if layout.frames < 1 or not layout.stored - 1 <= layout.high_bit < layout.allocated or layout.stored < 1:
        raise _unfit("its header contradicts itself", where)
    if layout.allocated not in (8, 16):
        raise _unfit(f"its samples take {layout.allocated} bits", where)
    if layout.colours in _LUMA and layout.allocated != 8:
        raise _unfit(f"its luma and chroma take {layout.allocated} bits", where)
    if layout.colours not in (*_GREY, *_COLOUR, "PALETTE COLOR"):
        raise _unfit("its colours are coded in an unknown way", where)
    if layout.samples != (3 if layout.colours in _COLOUR else 1):
        raise _unfit(f"it has {layout.samples} samples a pixel as {layout.colours}", where)
    return layout


def frames_of(dataset: Dataset, layout: Layout, *, where: str) -> tuple[np.ndarray, int]:
    """((F, H, W) grey or (F, H, W, 3) RGB as uint8, bits of a sample).

    Samples are scaled by the bits that the header says are used; where it says all 16, by the smallest of 10, 12, 14
    and 16 bits that holds the brightest, since makers write 16 without looking.

    Raises
    ------
    ImageError
        No decoder is installed, or the compressed frames are damaged or of another size than the header's.
    """
    from pydicom.pixels import apply_color_lut, get_decoder

    _check_decoder(layout, where)
    _check_frames(dataset, layout, where)
    try:
        found, facts = get_decoder(layout.syntax).as_array(dataset, as_rgb=False)
        samples = np.asarray(found)
        if str(facts["photometric_interpretation"]) in _LUMA:
            samples = _to_rgb(samples)
        if layout.colours == "PALETTE COLOR":
            samples = np.asarray(apply_color_lut(samples, dataset))
    except Exception:  # a decoder of another package, on a stranger's file; its words may quote the file
        raise ImageError(
            "the picture in the DICOM file is damaged or cut short",
            where=where,
            remedy="copy or export the file again",
        ) from None
    colour = samples.shape[-1:] == (3,) and layout.colours not in _GREY
    shape = (layout.frames, layout.height, layout.width, *((3,) if colour else ()))
    if samples.size != np.prod(shape, dtype=np.int64):
        raise _unfit("its frames are not of the size that its header gives", where)
    return _in_bytes(samples.reshape(shape), layout, where)


def _to_rgb(samples: np.ndarray) -> np.ndarray:
    """(…, 3) RGB of luma and chroma; a tenth of the time that pydicom's own conversion takes, and its colours."""
    luma_red_blue = np.ascontiguousarray(samples[..., [0, 2, 1]])
    flat = luma_red_blue.reshape(-1, luma_red_blue.shape[-2], 3)
    return cv2.cvtColor(flat, cv2.COLOR_YCrCb2RGB).reshape(samples.shape)


def _in_bytes(samples: np.ndarray, layout: Layout, where: str) -> tuple[np.ndarray, int]:
    if layout.colours == "PALETTE COLOR":
        return (samples >> 8).astype(np.uint8) if samples.dtype.itemsize > 1 else samples, 8
    full = (1 << layout.stored) - 1
    if layout.is_signed:
        samples = samples.astype(np.int32) + (1 << (layout.stored - 1))
    elif layout.stored < layout.allocated:  # overlays may lie in the bits that are not used
        samples = samples >> (layout.high_bit + 1 - layout.stored)
        samples = samples & samples.dtype.type(full)
    if layout.stored == 16:
        scaled, depth = scaled_to_bytes(np.clip(samples, 0, full).astype(np.uint16), where)
    elif layout.stored == 8:
        scaled, depth = (
            samples if samples.dtype == np.uint8 else np.clip(samples, 0, full).astype(np.uint8),
            8,
        )
    else:
        share = np.clip(samples.astype(np.float32) / full, 0, 1)
        scaled, depth = np.round(255 * share).astype(np.uint8), layout.stored
    return np.asarray(255 - scaled if layout.colours == "MONOCHROME1" else scaled), depth


def _count(dataset: Dataset, name: str, where: str, usual: int | None = None) -> int:
    try:
        value = dataset.get(name)
        if value is None and usual is not None:
            return usual
        return int(value)
    except Exception:  # values are read when they are asked for, and a stranger wrote them
        raise _unfit(f"its header does not tell {name}", where) from None


def _syntax(dataset: Dataset, where: str) -> str:
    try:
        return str(dataset.file_meta.TransferSyntaxUID)
    except AttributeError:
        raise _unfit("its header does not tell how it is coded (TransferSyntaxUID)", where) from None


def _check_decoder(layout: Layout, where: str) -> None:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    uid = UID(layout.syntax)
    if not uid.is_transfer_syntax:
        raise _unfit("it is coded in a private way", where)
    if not uid.is_compressed:
        return
    try:
        decoder = get_decoder(uid)
    except NotImplementedError:
        raise _unfit(f"it is compressed as {uid.name}, which no reader of pictures knows", where) from None
    if (
        layout.syntax == _EXTENDED_JPEG
        and layout.stored > 8
        and set(decoder.available_plugins) <= _EIGHT_BIT_ONLY
    ):
        raise ImageError(
            f"the picture is compressed as {uid.name} with {layout.stored} bits, for which no decoder is installed",
            where=where,
            remedy="unpack it with dcmdjpeg (DCMTK); or, if the GPL suits you: pip install pylibjpeg pylibjpeg-libjpeg",
        )
    if not decoder.is_available:
        raise ImageError(
            f"the picture is compressed as {uid.name}, for which no decoder is installed",
            where=where,
            remedy=PLUGINS,
        )


def _check_frames(dataset: Dataset, layout: Layout, where: str) -> None:
    """That compressed frames unfold to what the header says, and to no more."""
    from pydicom.encaps import generate_frames
    from pydicom.uid import UID

    if not UID(layout.syntax).is_encapsulated:
        return
    expected = layout.width * layout.height * layout.samples * layout.allocated // 8
    try:
        frames = list(generate_frames(dataset.PixelData, number_of_frames=layout.frames))
    except Exception:  # as above
        raise _unfit("its frames cannot be told apart", where) from None
    for frame in frames[: layout.frames]:
        if layout.syntax == _RLE:
            if len(frame) > _RLE_SLACK * expected + _HEADER:
                raise _unfit("a frame is longer than its picture", where)
            continue
        size = codestream_size(frame)
        if size != (layout.width, layout.height):
            found = "of an unknown size" if size is None else f"{size[0]} × {size[1]}"
            raise _unfit(
                f"its header says {layout.width} × {layout.height} pixels, the picture within is {found}",
                where,
            )


def _unfit(problem: str, where: str) -> ImageError:
    return ImageError(
        f"the DICOM file cannot be used: {problem}", where=where, remedy="export it again, or as PNG or TIFF"
    )
