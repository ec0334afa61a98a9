"""Paths of files within archives, `eyes.zip::left/1.png`, taken apart by their letters alone: no archive is opened."""

from __future__ import annotations

import re
import unicodedata

MARK = "::"
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")

_MARK = re.compile(rf"({'|'.join(map(re.escape, ARCHIVE_ENDINGS))}){MARK}", re.IGNORECASE)
_ENDING = re.compile(rf"({'|'.join(map(re.escape, ARCHIVE_ENDINGS))})$", re.IGNORECASE)
_ABSOLUTE = re.compile(r"^([\\/]|[A-Za-z]:)")


def split_member(path: str) -> tuple[str, str] | None:
    """(archive, member) of a path into an archive, None where it is the path of a file."""
    found = _MARK.search(path) if MARK in path else None
    return None if found is None else (path[: found.end(1)], path[found.end() :])


def member_problem(member: str) -> tuple[str, str] | None:
    """What is wrong with the name of a member and what to do, or None."""
    if not tidy(member):
        return "names no file within the archive", "Write it after the colons, as eyes.zip::left/1.png."
    if _ABSOLUTE.match(member) or ".." in re.split(r"[\\/]", member):
        return (
            "leaves the archive",
            "Write the member's name as the archive lists it, from its top: left/1.png.",
        )
    if MARK in member or is_archive(member):
        return "is an archive within an archive", "Unpack the outer one."
    return None


def is_archive(name: str) -> bool:
    """Whether a name ends as archives do that can be read."""
    return _ENDING.search(name) is not None


def without_ending(archive: str) -> str:
    """An archive's name as that of the folder that it unpacks to."""
    return _ENDING.sub("", archive)


def as_folder(path: str) -> str:
    """The path that a member would have if its archive were unpacked beside itself; a file's path is as it is."""
    parts = split_member(path)
    return path if parts is None else f"{without_ending(parts[0])}/{parts[1]}"


def tidy(member: str) -> str:
    """A member's name as every program means it: slashes, composed letters, no "./" before it."""
    parts = re.split(r"[\\/]+", unicodedata.normalize("NFC", member))
    return "/".join(part for part in parts if part not in ("", "."))
