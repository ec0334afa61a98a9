"""Photographs and angiograms as DICOM files, as devices write them, for tests to read, bend and break."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

PHOTOGRAPHY_8 = "1.2.840.10008.5.1.4.1.1.77.1.5.1"
PHOTOGRAPHY_16 = "1.2.840.10008.5.1.4.1.1.77.1.5.2"
EN_FACE = "1.2.840.10008.5.1.4.1.1.77.1.5.7"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

ROWS, COLS = np.ogrid[:240, :260]
FIELD = (ROWS - 120) ** 2 + (COLS - 130) ** 2 <= 112**2

IDENTITY = {
    "PatientName": "Zyxwander^Quillemina",
    "PatientID": "PID-7731-4482-0095",
    "PatientBirthDate": "19430517",
    "PatientAddress": "44 Thistlewick Lane",
    "OtherPatientNames": "Brackenfold^Q",
    "PatientMotherBirthName": "Umberglass",
    "PatientTelephoneNumbers": "+44 7700 900381",
    "AccessionNumber": "ACC5519023",
    "StudyID": "STUDY88317",
    "ReferringPhysicianName": "Drellingham^Otis",
    "OperatorsName": "Fennimore^Kes",
    "InstitutionName": "Wexcombe Eye Hospital",
    "InstitutionAddress": "9 Saltmarsh Road",
    "StationName": "STATIONQX9",
    "DeviceSerialNumber": "SERIAL40017",
    "ImageComments": "Mrs Zyxwander seen again",
    "StudyDescription": "follow-up of Quillemina",
    "StudyInstanceUID": "1.2.826.0.1.99.81331.1",
    "SeriesInstanceUID": "1.2.826.0.1.99.81331.2",
    "FrameOfReferenceUID": "1.2.826.0.1.99.81331.3",
}
"""Elements that tell who a person is, with values that stand nowhere else."""

PLANTED = (
    *(
        "Zyxwander",
        "Quillemina",
        "PID-7731",
        "7731-4482",
        "19430517",
        "1943-05-17",
        "Thistlewick",
        "Brackenfold",
    ),
    *(
        "Umberglass",
        "900381",
        "ACC5519023",
        "STUDY88317",
        "Drellingham",
        "Fennimore",
        "Wexcombe",
        "Saltmarsh",
    ),
    *("STATIONQX9", "SERIAL40017", "81331", "Ouldersby", "Marchpane"),
)
"""What a search for them looks for; the last two are in a private element and in a nested one."""


def fundus() -> np.ndarray:
    """(H, W, 3) uint8: an even fundus with a few vessels."""
    light = np.where(FIELD, 150.0, 3.0)[..., None] * np.array([1.0, 0.5, 0.25])
    for row in (60, 100, 145, 180):
        light[row : row + 5] *= 0.6
    light += np.random.default_rng(0).normal(0, 3, light.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def flow(size: int = 304, seed: int = 1) -> np.ndarray:
    """(H, W) uint8: speckle with bright lines from edge to edge, as an angiogram has."""
    random = np.random.default_rng(seed)
    light = random.gamma(2.0, 22.0, (size, size))
    for start in range(10, size, 38):
        light[start : start + 4] += 110
        light[:, start : start + 3] += 90
    return np.clip(light, 0, 255).astype(np.uint8)


def dicom(
    pixels: np.ndarray, *, kind: str = PHOTOGRAPHY_8, identity: bool = False, **elements: Any
) -> FileDataset:
    """A file of one picture, (H, W) or (H, W, 3), or of more, (F, H, W); `elements` are set, or dropped if None."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.5"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID = kind
    file.SOPInstanceUID = "1.2.826.0.1.99.5"
    file.Modality = "OP"
    colour = pixels.shape[-1] == 3
    file.SamplesPerPixel = 3 if colour else 1
    file.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        file.PlanarConfiguration = 0
    frames = pixels.shape[:-3] if colour else pixels.shape[:-2]
    if frames:
        file.NumberOfFrames = frames[0]
    file.Rows, file.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    bits = 8 * pixels.dtype.itemsize
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = bits, bits, bits - 1, 0
    file.PixelData = pixels.tobytes()
    file["PixelData"].VR = "OW" if bits > 8 else "OB"
    if identity:
        _plant(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are meant to be wrong
        for name, value in elements.items():
            if value is None:
                delattr(file, name)
            else:
                setattr(file, name, value)
    return file


def compressed(file: FileDataset, frames: Sequence[bytes], syntax: str, photometry: str) -> FileDataset:
    """The same file with its picture as codestreams."""
    file.file_meta.TransferSyntaxUID = syntax
    file.PixelData = encapsulate(list(frames))
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True
    file.PhotometricInterpretation = photometry
    return file


def as_jpeg(file: FileDataset, pixels: np.ndarray) -> FileDataset:
    """As baseline JPEG."""
    photometry = "YBR_FULL_422" if pixels.ndim == 3 else "MONOCHROME2"
    return compressed(file, [coded(pixels, "JPEG", quality=95)], JPEGBaseline8Bit, photometry)


def as_jpeg_2000(file: FileDataset, pixels: np.ndarray) -> FileDataset:
    """As lossless JPEG 2000."""
    photometry = "YBR_RCT" if pixels.ndim == 3 else "MONOCHROME2"
    frame = coded(pixels, "JPEG2000", irreversible=False, no_jp2=True)
    return compressed(file, [frame], JPEG2000Lossless, photometry)


def coded(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    """A picture's bytes in a format of Pillow's."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def written(file: FileDataset) -> bytes:
    """The file's bytes."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(stream, file, enforce_file_format=True)
    return stream.getvalue()


def _plant(file: FileDataset) -> None:
    for name, value in IDENTITY.items():
        setattr(file, name, value)
    block = file.private_block(0x0019, "Ouldersby devices", create=True)
    block.add_new(0x01, "LO", "Ouldersby Zyxwander")
    nested = pydicom.Dataset()
    nested.PatientName = "Marchpane^Nested"
    file.OtherPatientIDsSequence = [nested]
