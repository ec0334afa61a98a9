"""Tar archives, plain or in gzip: they have no list of their files, so one is made by going through them once."""

from __future__ import annotations

import struct
import tarfile
import threading
import weakref
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from retquant.errors import ImageError
from retquant.images.gzip_reader import GzipReader
from retquant.images.zip_archive import too_large
from retquant.manifest.members import tidy

MOST_FILES = 1_000_000
_HEADER = 1 << 20  # bytes that a header may have; a file of zeros can claim any number
_INFLATED, _RATIO = 1 << 30, 200  # a .tar.gz may inflate to so many bytes, or to so many times its own
_DAMAGE = (
    *(tarfile.TarError, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, TypeError),
    *(OverflowError, RecursionError),
)
"""What tarfile and zlib raise on archives that are damaged or made to do harm."""


class Seekable(Protocol):
    """What reading a tar archive asks of a file."""

    def tell(self) -> int: ...
    def seek(self, place: int, whence: int = 0, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


class TarArchive:
    """A tar archive, open and listed. Of files of one name the last counts, as when it is unpacked.

    Raises
    ------
    ImageError
        It cannot be listed.
    OSError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        file = path.open("rb")
        weakref.finalize(self, file.close)
        self._file = _inflated(file) if path.name.lower().endswith("gz") else file
        self._size = path.stat().st_size
        try:
            self._members = _listed(self._file)
            if isinstance(self._file, GzipReader):
                self._file.seek(1 << 62)  # to the end, where the check sum of all that was inflated stands
        except _Unfit as error:
            file.close()
            raise ImageError(str(error), where=str(path), remedy="pack it as zip") from None
        except _DAMAGE as error:
            file.close()
            raise ImageError(
                "the archive inflates to far more than pictures do"
                if isinstance(error, OverflowError)
                else "this is no tar archive, or it is damaged or cut short",
                where=str(path),
                remedy="copy the archive again, or pack it as zip",
            ) from None
        self.names: Collection[str] = self._members.keys()

    def read(self, name: str, *, most: int) -> bytes:
        """The bytes of a member; threads read one after another.

        Raises
        ------
        ImageError
            It is a link or the like, larger than `most`, or cut short.
        """
        start, size, kind = self._members[name]
        if kind != "file":
            raise ImageError(f"it is a {kind} in the archive", remedy="name the file itself")
        if size > most:
            raise too_large(size, most)
        with self._lock:
            try:
                self._file.seek(start)
                data = self._file.read(size)
            except _DAMAGE:
                data = b""
        if len(data) != size:
            raise ImageError("it is cut short or damaged in the archive", remedy="copy the archive again")
        return data


class _Unfit(Exception):  # noqa: N818 - becomes an ImageError where the archive's path is known
    """An archive that is whole, and is not read."""


class _Headers:
    """A file in which no header may claim to be large."""

    def __init__(self, file: Seekable) -> None:
        self._file = file
        self.tell, self.seek = file.tell, file.seek

    def read(self, size: int) -> bytes:
        if size > _HEADER:
            raise ValueError("a header is too large")
        return self._file.read(size)


def _inflated(file: BinaryIO) -> GzipReader:
    packed = file.seek(0, 2)
    file.seek(0)
    return GzipReader(file, limit=max(_INFLATED, _RATIO * packed))


def _listed(file: Seekable) -> dict[str, tuple[int, int, str]]:
    """Name -> (start, bytes, what it is) of every member that is no folder."""
    members: dict[str, tuple[int, int, str]] = {}
    headers: Any = _Headers(file)
    with tarfile.open(fileobj=headers, mode="r:") as tar:
        for count, info in enumerate(tar):
            if count >= MOST_FILES:
                raise _Unfit(f"the archive holds more than {MOST_FILES:,} files")
            if not info.isdir():
                kind = "link" if info.islnk() or info.issym() else "file" if info.isreg() else "device"
                kind = "sparse file" if info.issparse() else kind
                members[tidy(info.name)] = (info.offset_data, info.size, kind)
            tar.members = []  # type: ignore[attr-defined]  # or a million of them stay in memory
    return dict(sorted(members.items(), key=lambda item: item[1][0]))
