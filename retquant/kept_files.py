"""Files that save time and may be lost: each holds its own digest, is written aside and renamed, and never changed.

A name has to say all that the content was made from; then two processes that write one name write the same thing.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from pathlib import Path

from retquant.resources import cache_base

_DIGEST = hashlib.sha256().digest_size
_DAY_S = 86_400.0
_FORGOTTEN_AFTER_DAYS = 60


def kept_path(kind: str, name: str, made_from: str) -> Path:
    """Where something lies: in the folder of its kind, under its name and a digest of all that it was made from."""
    return cache_base() / kind / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:32]}"


def read_kept(path: Path) -> bytes | None:
    """The bytes kept there, None where there are none; a damaged file is removed.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    try:
        content = path.read_bytes() if _is_own(path.parent) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    if content is None:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(data).digest() != digest:
        path.unlink(missing_ok=True)
        return None
    if time.time() - path.stat().st_mtime > _DAY_S:
        os.utime(path)  # it is in use
    return data


def write_kept(path: Path, data: bytes) -> None:
    """Keep bytes, unless others may write into the folder; what long went unused under that name is removed.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_own(path.parent):
        return
    aside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        aside.write_bytes(hashlib.sha256(data).digest() + data)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    for other in path.parent.glob(f"{path.name.rpartition('-')[0]}-*"):
        if time.time() - other.stat().st_mtime > _FORGOTTEN_AFTER_DAYS * _DAY_S:
            other.unlink(missing_ok=True)


def _is_own(folder: Path) -> bool:
    """True where nobody else can put code for us to run."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022
