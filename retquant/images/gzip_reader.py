"""Reading at any place of a gzip file, which only knows its beginning: the state of the inflater is kept on the way.

Python's own reader goes back to the start for every step backwards. zlib can copy the state of an inflater, some 40 kB;
kept every few megabytes, a step to anywhere inflates that much at most.
"""

from __future__ import annotations

import bisect
import zlib
from typing import Any, BinaryIO

SPACING = 4 << 20  # bytes of inflated data from one kept state to the next, at first
MOST_STATES = 512  # then every other is dropped, and the spacing doubled: 20 MB of memory at most
_BLOCK, _STEP = 1 << 14, 1 << 18
_GZIP = 31  # zlib's word for a window of 32 kB, in gzip's wrapping


class GzipReader:
    """The inflated bytes of a gzip file, of one stream or several, as far as a reader of archives needs a file.

    Raises zlib.error where the file is damaged, EOFError where it is cut short and OverflowError beyond `limit`.
    """

    def __init__(self, file: BinaryIO, *, limit: int, spacing: int = SPACING) -> None:
        self._file, self._limit, self._spacing = file, limit, spacing
        self._states: list[tuple[int, int, Any]] = [(0, 0, None)]  # inflated place, file's place, inflater
        self._inflater: Any = None  # None between streams
        self._rest = b""  # of the file's bytes, read and not yet inflated
        self._place = 0

    def tell(self) -> int:
        """Place in the inflated bytes."""
        return self._place

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place; beyond the end is at the end."""
        place = place + (self._place if whence == 1 else 0)
        nearest = self._states[bisect.bisect_right(self._states, place, key=lambda state: state[0]) - 1]
        if place < self._place or nearest[0] > self._place:
            self._place, start, kept = nearest
            self._inflater = None if kept is None else kept.copy()
            self._file.seek(start)
            self._rest = b""
        while self._place < place and self._inflate(min(_STEP, place - self._place)):
            pass
        return self._place

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        parts = []
        while size > 0 and (part := self._inflate(min(_STEP, size))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _inflate(self, most: int) -> bytes:
        while True:
            source = self._rest or self._file.read(_BLOCK)
            if self._inflater is None:
                source = source.lstrip(b"\0")  # padding of tapes
                if not source and not self._file.read(1):
                    return b""
                if not source:
                    self._file.seek(-1, 1)
                    self._rest = b""
                    continue
                self._inflater = zlib.decompressobj(_GZIP)
            elif not source:
                raise EOFError("the gzip file is cut short")
            part = self._inflater.decompress(source, most)
            self._rest = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._rest, self._inflater = self._inflater.unused_data, None
            if part:
                self._place += len(part)
                if self._place > self._limit:
                    raise OverflowError(f"the gzip file inflates to more than {self._limit:,} bytes")
                self._keep()
                return part

    def _keep(self) -> None:
        if self._place < self._states[-1][0] + self._spacing:
            return
        kept = None if self._inflater is None else self._inflater.copy()
        self._states.append((self._place, self._file.tell() - len(self._rest), kept))
        if len(self._states) > MOST_STATES:
            self._states = self._states[::2]
            self._spacing *= 2
