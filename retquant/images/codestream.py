"""How large a picture a JPEG or JPEG 2000 codestream unfolds to, read from its own header.

A DICOM file says the size of its picture twice: in its elements and within the compressed frames. Decoders believe the
frames, so a file that promises little there and unfolds to much has to be found before one of them is asked.
"""

from __future__ import annotations

import struct

_JPEG, _JPEG_2000, _JP2_BOX = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}  # SOF0 to SOF15, and JPEG-LS
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """(width, height) of the picture in a codestream, None where its header cannot be read."""
    try:
        if frame[:2] == _JPEG:
            return _jpeg_size(frame)
        if frame[:8] == _JP2_BOX:
            start = frame.find(_JPEG_2000)
            return None if start < 0 else _jpeg_2000_size(frame[start:])
        return _jpeg_2000_size(frame) if frame[:4] == _JPEG_2000 else None
    except (struct.error, IndexError):
        return None


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    place = 2
    while True:
        while frame[place] != 0xFF:
            place += 1
        while frame[place] == 0xFF:
            place += 1
        marker = frame[place]
        place += 1
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", frame, place + 3)
            return width, height
        if marker in (0xD9, 0xDA):  # the scan begins, or the picture ends, without a frame header
            return None
        if marker not in _WITHOUT_LENGTH:
            place += max(2, struct.unpack_from(">H", frame, place)[0])


def _jpeg_2000_size(frame: bytes) -> tuple[int, int]:
    right, bottom, left, top = struct.unpack_from(">IIII", frame, 8)
    return right - left, bottom - top
