"""What a DICOM header tells of an eye's picture: scale, side, device, day. Each is checked, and dropped where odd."""

from __future__ import annotations

import re
from datetime import date, time
from typing import TYPE_CHECKING

from retquant.images.facts import FileFacts
from retquant.images.pitch import sound_pitch

if TYPE_CHECKING:
    from pydicom import Dataset

RETINAL_KINDS = {
    "1.2.840.10008.5.1.4.1.1.77.1.5.1": "cfp",  # Ophthalmic Photography 8 Bit
    "1.2.840.10008.5.1.4.1.1.77.1.5.2": "cfp",  # Ophthalmic Photography 16 Bit
    "1.2.840.10008.5.1.4.1.1.77.1.5.7": "octa",  # Ophthalmic OCT En Face
}
"""Kinds of file whose PixelSpacing is measured on the retina, and their modality; elsewhere it may be a screen's."""

FIELD_DEG = (5.0, 200.0)  # of fundus cameras; another angle of view is none of an eye's picture
BURNED_IN = (
    "the file says that words are burned into the picture: look for names before it is shown to anyone"
)

_EYES = {"R": "OD", "L": "OS"}
_MOMENT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(?:\.\d*)?(?:[+-]\d{4})?$")
_LONGEST = 80  # characters of a device's name


def facts_of(dataset: Dataset, *, size: tuple[int, int]) -> FileFacts:
    """Facts of a parsed header; `size` is the picture's (width, height)."""
    return FileFacts(
        um_per_px=_um_per_px(dataset, size),
        fov_deg=_fov_deg(dataset),
        eye=_EYES.get(_text(dataset, "ImageLaterality") or _text(dataset, "Laterality")),
        device=_device(dataset),
        acquired_at=_acquired_at(dataset),
        modality=RETINAL_KINDS.get(_text(dataset, "SOPClassUID")),
        remarks=(BURNED_IN,) if _text(dataset, "BurnedInAnnotation") == "YES" else (),
    )


def _um_per_px(dataset: Dataset, size: tuple[int, int]) -> float | None:
    if _text(dataset, "SOPClassUID") not in RETINAL_KINDS:
        return None
    found = _numbers(dataset, "PixelSpacing")
    return sound_pitch((1000.0 * found[1], 1000.0 * found[0]), size) if len(found) == 2 else None


def _fov_deg(dataset: Dataset) -> float | None:
    found = _numbers(dataset, "HorizontalFieldOfView")
    return found[0] if len(found) == 1 and FIELD_DEG[0] <= found[0] <= FIELD_DEG[1] else None


def _device(dataset: Dataset) -> str | None:
    maker, model = (_words(dataset, name) for name in ("Manufacturer", "ManufacturerModelName"))
    named = model if maker.lower() in model.lower() else f"{maker} {model}"
    return named.strip()[:_LONGEST] or None


def _acquired_at(dataset: Dataset) -> str | None:
    for moment in (
        _text(dataset, "AcquisitionDateTime"),
        _text(dataset, "AcquisitionDate") + _text(dataset, "AcquisitionTime"),
        _text(dataset, "AcquisitionDate"),
        _text(dataset, "ContentDate") + _text(dataset, "ContentTime"),
        _text(dataset, "ContentDate"),
    ):
        if (found := _MOMENT.match(moment)) is not None:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            try:
                on = date(year, month, day).isoformat()
                return f"{on}T{time(hour, minute, second).isoformat()}" if found[4] else on
            except ValueError:
                continue
    return None


def _text(dataset: Dataset, name: str) -> str:
    """An element as text, empty where there is none or it cannot be read."""
    try:
        value = dataset.get(name)
        return "" if value is None else str(value).strip()
    except Exception:  # values are read when they are asked for, and a stranger wrote them
        return ""


def _words(dataset: Dataset, name: str) -> str:
    """Printable words with single blanks."""
    printable = "".join(letter if letter.isprintable() else " " for letter in _text(dataset, name))
    return " ".join(printable.split())


def _numbers(dataset: Dataset, name: str) -> tuple[float, ...]:
    try:
        value = dataset.get(name)
        return (
            tuple(map(float, value))
            if hasattr(value, "__iter__")
            else ()
            if value is None
            else (float(value),)
        )
    except Exception:  # as above
        return ()
