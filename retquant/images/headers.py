"""What an image's header tells a manifest that is being made; pixels are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from retquant.errors import ImageError
from retquant.images.decode import is_dicom
from retquant.images.files import read_bytes
from retquant.manifest.members import split_member
from retquant.manifest.patterns import DICOM_ENDINGS, IMAGE_ENDINGS

_HEADER = 1 << 20  # bytes, more than any header that ends before the picture


def header_columns(path: Path) -> Mapping[str, str]:
    """Columns of the manifest -> what a DICOM header tells: eye, modality, device and day; none for other files.

    Scale is left to the run, which corrects what the file tells for the person's own eye.
    """
    ending = path.suffix.lower()
    if ending in IMAGE_ENDINGS and ending not in DICOM_ENDINGS:
        return {}  # known by its name, and not opened
    try:
        if split_member(str(path)) is not None:
            head = read_bytes(path)[:_HEADER]
        elif not path.is_file():
            return {}
        else:
            with path.open("rb") as file:
                head = file.read(132)
                head += file.read(_HEADER) if is_dicom(head) else b""
    except (ImageError, OSError):
        return {}
    if not is_dicom(head):
        return {}
    from retquant.images.dicom import read_facts

    facts = read_facts(head)
    told = {
        "eye": facts.eye,
        "modality": facts.modality,
        "device": facts.device,
        "acquired_at": facts.acquired_at,
    }
    return {name: value for name, value in told.items() if value is not None}
