"""Names of images: given ones checked, others made from file names, unique and the same at every reading."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from retquant.manifest.faults import Fault
from retquant.manifest.paths import slash_parts

MAX_BYTES = 200
"""Leaves room for `_probability.png` and the like in the 255 bytes that file systems give a name."""

_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f]")
_AWKWARD = re.compile(r'[<>:"|?*/\\\x00-\x1f\x7f]')


def make_image_ids(given: Sequence[str | None], written: Sequence[str | None]) -> list[str]:
    """The id of each row: the given one, or one made from the path that the manifest writes.

    It is the file's stem; where stems coincide (also in all but case, since some file systems do not tell them
    apart) the names of as many folders as it takes are prepended, and at last the ending or a digest of the path
    appended.
    """
    ids = [name or "" for name in given]
    parts = {
        index: tuple(slash_parts(cell))
        for index, (name, cell) in enumerate(zip(given, written, strict=True))
        if name is None and cell is not None
    }
    for index, names in parts.items():
        ids[index] = _safe(_stem(names))
    depth = 1
    while deeper := [index for index in _clashing(ids, parts) if len(parts[index]) > depth]:
        for index in deeper:
            names = parts[index]
            ids[index] = _safe("_".join((*names[-1 - depth : -1], _stem(names))))
        depth += 1
    for index in _clashing(ids, parts):
        ids[index] = _safe(f"{ids[index]}_{Path(parts[index][-1]).suffix[1:]}".rstrip("_"))
    for index in _clashing(ids, parts):
        ids[index] = f"{ids[index]}_{_digest(written[index] or '')}"
    return ids


def id_faults(
    given: Sequence[str | None], files: Sequence[Path | None], rows: Sequence[int]
) -> Iterator[Fault]:
    """What is wrong with given ids, and files that stand twice without one."""
    first: dict[str, int] = {}
    seen: dict[str, int] = {}
    for name, file, row in zip(given, files, rows, strict=True):
        if name is not None:
            if problem := _unfit(name):
                yield Fault(
                    row=row,
                    column="image_id",
                    value=name,
                    problem=f"{problem}: it becomes a file name",
                    remedy="Write another, or leave it empty to take the image's file name.",
                )
            if name in first:
                yield Fault(
                    row=row,
                    column="image_id",
                    value=name,
                    problem=f"is the id of row {first[name]} too",
                    remedy="Give each image its own, or leave it empty to take the image's file name.",
                )
            first.setdefault(name, row)
        if file is not None:
            place = str(file)
            if name is None and place in seen:
                yield Fault(
                    row=row,
                    column="image",
                    value=place,
                    problem=f"is the image of row {seen[place]} too",
                    remedy="Delete one of the rows, or give both an image_id if that is meant.",
                )
            seen.setdefault(place, row)


def _unfit(name: str) -> str:
    if _FORBIDDEN.search(name):
        return "holds a slash, a backslash or a control character"
    if name.startswith("."):
        return "begins with a dot"
    if len(name.encode("utf-8", "replace")) > MAX_BYTES:
        return f"is longer than {MAX_BYTES} bytes"
    return ""


def _clashing(ids: Sequence[str], made: dict[int, tuple[str, ...]]) -> list[int]:
    """Made ids that are not alone."""
    counts = Counter(name.casefold() for name in ids)
    return [index for index in made if counts[ids[index].casefold()] > 1]


def _stem(names: Sequence[str]) -> str:
    """As `Path.stem`, without the cost of a path an image."""
    if not names:
        return "image"
    stem, dot, ending = names[-1].rpartition(".")
    return stem if stem and dot and ending else names[-1]


def _safe(name: str) -> str:
    safe = _AWKWARD.sub("_", name).strip()
    if safe.startswith("."):
        safe = f"_{safe}"
    if len(safe.encode("utf-8", "replace")) > MAX_BYTES - 40:  # what is appended must fit as well
        start = safe.encode("utf-8", "replace")[: MAX_BYTES - 60].decode("utf-8", "ignore")
        safe = f"{start}_{_digest(name)}"
    return safe or "image"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
