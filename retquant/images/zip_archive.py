"""Zip archives: any file in them is found and read at once, which is what makes them good for cohorts."""

from __future__ import annotations

import struct
import weakref
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from retquant.errors import ImageError
from retquant.manifest.members import tidy

_STORED_OR_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_METHODS = {6: "implode", 9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_ENCRYPTED = 0x1
_BLOCK = 1 << 20
_END, _LOCATOR, _END_64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_LARGEST_LIST = 1 << 26  # bytes of a list of members; some 600,000 of them
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, LookupError, OverflowError),
)
"""What zipfile raises on archives that are damaged or made to do harm."""


class ZipArchive:
    """A zip archive, open and listed.

    Raises
    ------
    ImageError
        It cannot be listed.
    OSError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        file = path.open("rb")
        weakref.finalize(self, file.close)
        try:
            _refuse_a_huge_list(file)
            self._zip = zipfile.ZipFile(file)
            members = {tidy(info.filename): info for info in self._zip.infolist() if not info.is_dir()}
        except ImageError:
            file.close()
            raise
        except _DAMAGE:
            file.close()
            raise ImageError(
                "this is no zip archive, or it is cut short", where=str(path), remedy="copy the archive again"
            ) from None
        self._members = dict(sorted(members.items(), key=lambda item: item[1].header_offset))
        self.names: Collection[str] = self._members.keys()

    def read(self, name: str, *, most: int) -> bytes:
        """The bytes of a member; several threads may read at once.

        Raises
        ------
        ImageError
            It is encrypted, packed in another way than deflate, larger than `most`, or damaged.
        """
        info = self._members[name]
        if info.flag_bits & _ENCRYPTED:
            raise ImageError("it is encrypted in the archive", remedy="pack it again without a password")
        if info.compress_type not in _STORED_OR_DEFLATED:
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise ImageError(
                f"it is packed by {method}, which is not read",
                remedy="pack it again with deflate, or unpacked",
            )
        if info.file_size > most:
            raise too_large(info.file_size, most)
        try:
            with self._zip.open(info) as stream:  # gives no more than the size that the list says
                parts = iter(lambda: stream.read(_BLOCK), b"")
                data = b"".join(parts)
        except _DAMAGE:
            raise ImageError("it is damaged in the archive", remedy="copy the archive again") from None
        if len(data) != info.file_size:
            raise ImageError("it is cut short in the archive", remedy="copy the archive again")
        return data


def too_large(size: int, most: int) -> ImageError:
    """The error for a member that unpacks to more than any picture has."""
    return ImageError(f"it unpacks to {size:,} bytes, more than the limit of {most:,}", remedy="leave it out")


def _refuse_a_huge_list(file: BinaryIO) -> None:
    """The list of members is read whole; its size stands at the archive's end, or beside it where it is large."""
    end = file.seek(0, 2)
    file.seek(max(0, end - (1 << 16) - 42))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 16:
        return  # zipfile says what is wrong
    size = struct.unpack_from("<L", tail, at + 12)[0]
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR:
        file.seek(struct.unpack_from("<Q", tail, at - 12)[0])
        record = file.read(48)
        if record[:4] == _END_64 and len(record) == 48:
            size = struct.unpack_from("<Q", record, 40)[0]
    if size > _LARGEST_LIST:
        raise ImageError(
            f"the archive's list of files takes {size:,} bytes, more than the limit of {_LARGEST_LIST:,}",
            where=str(getattr(file, "name", "")),
            remedy="pack fewer files into an archive",
        )
