"""DICOM: ophthalmic photographs and en-face angiograms, with what their headers tell of eye, size, device and day.

Only the elements of `_WANTED` are ever parsed. Names, birth dates and numbers of patients are passed over as bytes, so
that none can reach an output; and no message of another package about a file is repeated, since it may hold a value.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from retquant.config import ImageSettings
from retquant.errors import ImageError
from retquant.images.decode import Decoded, is_dicom, is_grey
from retquant.images.dicom_facts import facts_of
from retquant.images.dicom_pixels import Layout, frames_of, layout_of
from retquant.images.facts import NO_FACTS, FileFacts
from retquant.images.planes import volume_without_lines
from retquant.images.silence import in_silence

if TYPE_CHECKING:
    from pydicom import Dataset

TOMOGRAPHY = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
"""Ophthalmic Tomography Image Storage: B-scans."""

_WANTED = (
    "SOPClassUID",
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *("PixelSpacing", "HorizontalFieldOfView", "ImageLaterality", "Laterality"),
    *("Manufacturer", "ManufacturerModelName"),
    *("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime"),
    "BurnedInAnnotation",
)
_SYNTAX = re.compile(rb"\x02\x00\x10\x00UI..([0-9.]{1,64})", re.DOTALL)
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_HEADER_BYTES = 1 << 22  # that the elements beside the picture may take, inflated


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DicomPicture:
    """What a DICOM file holds. Shapes: F frames of H by W pixels."""

    frames: np.ndarray  # (F, H, W) uint8 grey, or (F, H, W, 3) uint8 RGB
    bit_depth: int
    facts: FileFacts


def read_dicom(data: bytes, *, where: str, settings: ImageSettings, most_frames: int) -> DicomPicture:
    """Read the picture of a DICOM file, and of its header what is no secret.

    Grey is black where the light is low (MONOCHROME1 is turned), colour is RGB. Windows for display are not applied.

    Raises
    ------
    ImageError
        The file holds no picture, a volume or too many frames, is damaged, of a forbidden size, or compressed in a
        way for which no decoder is installed.
    """
    _refuse_a_flood(data, where, settings)
    with in_silence():
        dataset = _parsed(data, where)
        if (
            "SOPClassUID" not in dataset
        ):  # every file has it; of one that ends too early the reader keeps nothing
            raise _damaged(where)
        kind = _kind(dataset)
        if str(dataset.get("SOPClassUID", "")) == TOMOGRAPHY:
            raise volume_without_lines(f"the file holds B-scans ({kind})", where)
        if "PixelData" not in dataset:
            raise ImageError(
                f"the DICOM file holds no picture ({kind}), or is cut short before it",
                where=where,
                remedy="copy the file again, or export the image itself",
            )
        layout = layout_of(dataset, where=where, settings=settings)
        if layout.frames > most_frames:
            raise _too_many(layout, most_frames, where)
        frames, bit_depth = frames_of(dataset, layout, where=where)
        return DicomPicture(
            frames=frames, bit_depth=bit_depth, facts=facts_of(dataset, size=(layout.width, layout.height))
        )


def decode_dicom(data: bytes, *, where: str, settings: ImageSettings) -> Decoded:
    """The one picture of a DICOM file, as `decode` gives those of other formats.

    Raises
    ------
    ImageError
        As `read_dicom`.
    """
    found = read_dicom(data, where=where, settings=settings, most_frames=1)
    picture = found.frames[0]
    colour = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    return Decoded(
        pixels=np.ascontiguousarray(colour),
        bit_depth=found.bit_depth,
        is_grey=picture.ndim == 2 or is_grey(picture),
        facts=found.facts,
    )


def read_facts(data: bytes) -> FileFacts:
    """What the header tells, from the beginning of a file; nothing where it cannot be read."""
    import pydicom

    deflated = _SYNTAX.search(data[:4096])
    if not is_dicom(data) or (deflated is not None and deflated[1] == _DEFLATED):
        return NO_FACTS
    with in_silence():
        try:
            dataset = pydicom.dcmread(BytesIO(data), specific_tags=list(_WANTED), stop_before_pixels=True)
            size = (int(dataset.Columns), int(dataset.Rows))
        except Exception:  # as above
            return NO_FACTS
        return facts_of(dataset, size=size)


def _refuse_a_flood(data: bytes, where: str, settings: ImageSettings) -> None:
    """A deflated file is inflated by its reader without a limit; so here, first, with one."""
    syntax = _SYNTAX.search(data[:4096])
    if syntax is None or syntax[1] != _DEFLATED:
        return
    most = _HEADER_BYTES + 6 * settings.max_pixels
    start = 144 + int.from_bytes(data[140:144], "little")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        if data[132:140] != _GROUP_LENGTH:
            raise ValueError
        inflated = len(inflater.decompress(data[start:], most + 1))
    except (zlib.error, ValueError):
        raise _damaged(where) from None
    if inflated > most:
        raise ImageError(
            f"the DICOM file inflates to more than {most:,} bytes", where=where, remedy="leave it out"
        )


def _parsed(data: bytes, where: str) -> Dataset:
    try:
        import pydicom
    except ImportError:
        raise ImageError(
            "reading DICOM needs pydicom, which is not installed", where=where, remedy="pip install pydicom"
        ) from None
    try:
        return pydicom.dcmread(BytesIO(data), specific_tags=list(_WANTED))
    except Exception:  # a parser of another package, on a stranger's file
        raise _damaged(where) from None


def _kind(dataset: Dataset) -> str:
    """What the file says it is, in the standard's words; nothing else of it is repeated."""
    from pydicom.uid import UID

    uid = UID(str(dataset.get("SOPClassUID", "")))
    return uid.name if uid.is_valid and uid.name != str(uid) else "of an unknown kind"


def _damaged(where: str) -> ImageError:
    return ImageError(
        "the DICOM file is damaged or cut short", where=where, remedy="copy or export the file again"
    )


def _too_many(layout: Layout, most: int, where: str) -> ImageError:
    if most == 1:
        return ImageError(
            f"the DICOM file holds {layout.frames} frames, and nothing tells which is the photograph",
            where=where,
            remedy="export the frame that is meant as a file of its own",
        )
    return volume_without_lines(f"the DICOM file holds {layout.frames} frames, a volume", where)
