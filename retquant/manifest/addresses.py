"""Addresses of images elsewhere, `s3://bucket/eye.png`, that travel where paths of files do."""

from __future__ import annotations

import re
from pathlib import Path

SCHEMES = ("s3", "gs", "https", "http")

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_COLLAPSED = re.compile(rf"^({'|'.join(SCHEMES)}):/+")


_Path: type[Path] = type(Path())  # Path itself cannot be derived from before Python 3.12


class Address(_Path):  # type: ignore[valid-type, misc]
    """An address with the manners of a path: name, ending, parts. Its text is the address as it was written.

    To whatever takes it for a file on the disk, it is one that does not exist.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return _COLLAPSED.sub(r"\1://", super().__str__().replace("\\", "/"), count=1)

    @property
    def scheme(self) -> str:
        """One of `SCHEMES`."""
        return str(self).partition(":")[0]


def is_address(text: str) -> bool:
    """Whether a cell names something elsewhere, whatever the kind."""
    return "://" in text and _ADDRESS.match(text) is not None


def address_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with an address and what to do, or None."""
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in SCHEMES:
        return (
            f"is an address of a kind that is not read; known are {', '.join(SCHEMES)}",
            "Copy the file to this machine, and write its path.",
        )
    if scheme != scheme.lower():
        return "is no address as it is usually written", f"Write {scheme.lower()}:// in small letters."
    if "?" in rest or "#" in rest or "@" in rest.partition("/")[0]:
        return (
            "is an address with a password or a query, which every output would show",
            "Keep credentials in the environment, as s3 and gs read them, or copy the file to this machine.",
        )
    if not all(part not in ("", ".", "..") for part in rest.split("/")) or "/" not in rest:
        return "is no address of a file", "Write it in full, as https://host/folder/eye.png."
    return None
