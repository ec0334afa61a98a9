"""The bytes of a file, or what stands in the way of them."""

from __future__ import annotations

from pathlib import Path

from retquant.errors import ImageError


def read_bytes(path: Path) -> bytes:
    """All bytes of a regular file.

    Raises
    ------
    ImageError
        There is no such file, it is no regular file, or it cannot be read.
    """
    if not path.exists():
        raise ImageError("there is no such file", where=str(path), remedy="mend the path in the manifest")
    if not path.is_file():
        raise ImageError(
            "this is a folder or device, not a file", where=str(path), remedy="mend the path in the manifest"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"the file cannot be read ({error.strerror or error})",
            where=str(path),
            remedy="check its permissions and the disk",
        ) from None
