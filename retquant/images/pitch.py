"""How much retina a pixel spans, where an image's file says so in a way that can be trusted.

A TIFF's own resolution is a wish of whoever prints it: 72 or 300 dots an inch, whatever the scan. What microscopy
programs write is meant: a size with its unit, as ImageJ and OME-TIFF have it. Nothing else is believed.
"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from retquant.images.silence import in_silence

FIELD_MM = (1.0, 30.0)  # of angiograms, montages and photographs; a pitch that gives another is no retina's
ALIKE = 0.01  # relative: pixels must be square for one number to hold

_UM_OF_UNIT = {
    **dict.fromkeys(("micron", "microns", "um", "µm", "μm", "\\u00b5m"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1000.0),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
}
_X_RESOLUTION, _Y_RESOLUTION = 282, 283


def tiff_um_per_px(data: bytes) -> float | None:
    """Micrometres a pixel by the file's ImageJ or OME record; None where there is none that makes sense."""
    import tifffile

    try:
        with in_silence(), tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            sides = (int(page.imagewidth), int(page.imagelength))
            found = _ome(file.ome_metadata) if file.is_ome else _imagej(file) if file.is_imagej else None
    except (
        Exception
    ):  # tifffile raises many kinds on damaged files, and a scale that cannot be read is unknown
        return None
    return None if found is None else sound_pitch(found, sides)


def _imagej(file: object) -> tuple[float, float] | None:
    unit = str((getattr(file, "imagej_metadata", None) or {}).get("unit", ""))
    um = _UM_OF_UNIT.get(unit.strip().lower())
    tags = file.pages[0].tags  # type: ignore[attr-defined]
    if um is None or _X_RESOLUTION not in tags or _Y_RESOLUTION not in tags:
        return None
    pitches = []
    for tag in (_X_RESOLUTION, _Y_RESOLUTION):
        pixels, units = tags[tag].value
        if not pixels or not units:
            return None
        pitches.append(um * units / pixels)
    return pitches[0], pitches[1]


def _ome(text: str | None) -> tuple[float, float] | None:
    if not text or "<!" in text:  # no entities from files of strangers
        return None
    for element in ElementTree.fromstring(text).iter():
        if re.sub(r"\{.*\}", "", element.tag) == "Pixels":
            pitches = []
            for axis in "XY":
                um = _UM_OF_UNIT.get(element.get(f"PhysicalSize{axis}Unit", "µm").lower())
                size = element.get(f"PhysicalSize{axis}")
                if um is None or size is None:
                    return None
                pitches.append(um * float(size))
            return pitches[0], pitches[1]
    return None


def sound_pitch(pitches: tuple[float, float], sides: tuple[int, int]) -> float | None:
    """The pitch of square pixels that make a picture of a size that retinas have, None where they do not.

    Parameters
    ----------
    pitches : micrometres a pixel, across and down
    sides : pixels, across and down
    """
    across, down = pitches
    if not (across > 0 and down > 0) or abs(across - down) > ALIKE * across:
        return None
    field_mm = max(sides) * across / 1000.0
    return (across + down) / 2.0 if FIELD_MM[0] <= field_mm <= FIELD_MM[1] else None
