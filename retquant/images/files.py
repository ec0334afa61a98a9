"""The bytes of a file, on the disk, in an archive or elsewhere, or what stands in the way of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from retquant.errors import ImageError
from retquant.images.archive import read_member
from retquant.images.remote import read_address
from retquant.manifest.addresses import Address
from retquant.manifest.members import split_member

MAX_BYTES = 1 << 30  # of a file; the largest picture that the settings allow has 720 million


def read_bytes(path: Path) -> bytes:
    """All bytes of a regular file, of a file in an archive (`eyes.zip::left/1.png`), or of one at an `Address`.

    Raises
    ------
    ImageError
        There is no such file, it is no regular file, has more than `MAX_BYTES`, or cannot be read; or as `read_member`
        and `read_address`.
    """
    if isinstance(path, Address):
        return read_address(path)
    if (parts := split_member(str(path))) is not None:
        return read_member(Path(parts[0]), parts[1])
    where = str(path)
    try:
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(
            "there is no such file", where=where, remedy="mend the path in the manifest"
        ) from None
    except (OSError, ValueError) as error:  # links in a circle, a name that no disk can hold
        raise _unreadable(error, where) from None
    if not stat.S_ISREG(state.st_mode):
        raise ImageError(
            "this is a folder or device, not a file", where=where, remedy="mend the path in the manifest"
        )
    if state.st_size > MAX_BYTES:  # one with holes may be far larger than the room that it takes
        raise ImageError(
            f"the file has {state.st_size:,} bytes, more than the limit of {MAX_BYTES:,}",
            where=where,
            remedy="leave it out",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(error, where) from None


def _unreadable(error: OSError | ValueError, where: str) -> ImageError:
    return ImageError(
        f"the file cannot be read ({getattr(error, 'strerror', None) or error})",
        where=where,
        remedy="check its name, its permissions and the disk",
    )
