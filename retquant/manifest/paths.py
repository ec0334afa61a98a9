"""From what a cell says to a file's real place, and whether the manifest may reach there."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retquant.manifest.addresses import Address, address_problem, is_address
from retquant.manifest.faults import Fault
from retquant.manifest.members import MARK, as_folder, member_problem, split_member, tidy

_WINDOWS = re.compile(r"^([A-Za-z]:[\\/]|\\\\)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_Place = str | tuple[str, str]
"""A real path, or what is wrong with it and what to do."""

_MANY = 100  # files of one folder from which on its links are listed at once instead of asked for one by one


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where files may lie.

    A relative path, and any link that it goes through, stays in the manifest's folder unless `allow_outside`;
    an absolute path is the user's own word. `root` confines both.
    """

    base: str  # the manifest's folder, resolved
    root: str | None = None  # resolved
    allow_outside: bool = False

    def problem(self, resolved: str, *, is_relative: bool) -> tuple[str, str] | None:
        """What is wrong with a file's place and what to do, or None."""
        if self.root is not None and not _within(resolved, self.root):
            return f"lies outside --root {self.root}", "Move the file there, or give another --root."
        if is_relative and not self.allow_outside and not _within(resolved, self.base):
            return (
                f"leaves the manifest's folder (for {resolved})",
                "Add --allow-outside if that is meant, or write an absolute path.",
            )
        return None


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder in which plain files may be named without asking about each."""

    path: Path
    links: frozenset[str]  # names that have to be followed


@dataclass(slots=True)
class Resolver:
    """Resolves the cells of path columns, asking the file system once a folder rather than once a file."""

    bounds: Bounds
    faults: list[Fault] = field(default_factory=list)
    _folders: dict[str, _Folder | None] = field(default_factory=dict)
    _archives: dict[str, _Place] = field(default_factory=dict)

    def resolve(self, column: str, cells: Sequence[str | None], rows: Sequence[int]) -> list[Path | None]:
        """The real path of each cell, None where it is empty or at fault; files need not exist."""
        counts = Counter(cell.rpartition("/")[0] for cell in cells if cell is not None and MARK not in cell)
        for folder, count in counts.items():
            if count >= _MANY and folder not in self._folders:
                self._folders[folder] = self._crowded(folder)
        resolved: list[Path | None] = []
        for cell, row in zip(cells, rows, strict=True):
            if cell is None:
                resolved.append(None)
                continue
            if MARK in cell and (parts := split_member(cell)) is not None:
                resolved.append(self._member(column, parts, row))
                continue
            if "://" in cell and is_address(cell):
                resolved.append(self._elsewhere(column, cell, row))
                continue
            folder, _, name = cell.rpartition("/")
            known = self._folders.get(folder)
            is_plain = "\\" not in cell and name.isprintable() and (folder or cell[0] != "/")
            if known is None or name in known.links or not is_plain:
                resolved.append(self._one(column, cell, row))
            else:
                resolved.append(known.path / name)
        return resolved

    def _crowded(self, folder: str) -> _Folder | None:
        """The folder with its links, or None where its files have to be looked at one by one."""
        if _unusable(folder + "/"):
            return None
        real = os.path.realpath(os.path.join(self.bounds.base, folder))
        links = _links_in(real)
        if links is None or self.bounds.problem(real, is_relative=not os.path.isabs(folder)):
            return None
        return _Folder(path=Path(real), links=links | {"", ".", ".."})

    def _one(self, column: str, cell: str, row: int) -> Path | None:
        place = self._place(cell)
        if isinstance(place, str):
            return Path(place)
        self._refuse(column, cell, row, place)
        return None

    def _member(self, column: str, parts: tuple[str, str], row: int) -> Path | None:
        """Of a file in an archive: the archive has to lie where a file may, its name has to stay in the archive."""
        archive, member = parts
        if archive not in self._archives:
            self._archives[archive] = self._place(archive)
        place = self._archives[archive]
        problem = place if isinstance(place, tuple) else _unprintable(member) or member_problem(member)
        if problem is None:
            return Path(f"{place}{MARK}{tidy(member)}")
        self._refuse(column, MARK.join(parts), row, problem)
        return None

    def _elsewhere(self, column: str, cell: str, row: int) -> Path | None:
        """An address is the user's own word, as an absolute path is; a root confines it as well."""
        problem = _unprintable(cell) or address_problem(cell)
        if problem is None and self.bounds.root is not None:
            problem = f"lies outside --root {self.bounds.root}", "Copy the file there, or leave --root out."
        if problem is None:
            return Address(cell)
        self._refuse(column, cell, row, problem)
        return None

    def _place(self, cell: str) -> _Place:
        path = _with_slashes(cell)
        problem = _unusable(path)
        if problem is None:
            real = os.path.realpath(os.path.join(self.bounds.base, path))
            problem = self.bounds.problem(real, is_relative=not os.path.isabs(path))
        return real if problem is None else problem

    def _refuse(self, column: str, cell: str, row: int, problem: tuple[str, str]) -> None:
        self.faults.append(Fault(row=row, column=column, value=cell, problem=problem[0], remedy=problem[1]))


def _links_in(folder: str) -> frozenset[str] | None:
    """Names of the links in a folder; None where it cannot be listed though its files may be reached."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError:
        return None


def _with_slashes(cell: str) -> str:
    """Relative Windows paths work everywhere; an absolute path is left as it is."""
    return cell if os.path.isabs(cell) or _WINDOWS.match(cell) else cell.replace("\\", "/")


def _unprintable(path: str) -> tuple[str, str] | None:
    if _CONTROL.search(path):
        return "holds a line break or another control character", "Write the path on one line."
    return None


def _unusable(path: str) -> tuple[str, str] | None:
    if (problem := _unprintable(path)) is not None:
        return problem
    if is_address(path):
        return (
            "is an address, and archives are read on this machine",
            "Copy the archive here, and write its path.",
        )
    if os.name != "nt" and _WINDOWS.match(path):
        return "is a path of a Windows machine", "Write it relative to the manifest, as images/1_left.jpg."
    return None


def _within(path: str, top: str) -> bool:
    path, top = os.path.normcase(path), os.path.normcase(top)
    return path == top or path.startswith(top if top.endswith(os.sep) else top + os.sep)


def slash_parts(cell: str) -> Iterator[str]:
    """Folders and name that a cell writes, without "." and ".."; an archive is a folder of its name."""
    return (part for part in re.split(r"[\\/]+", as_folder(cell)) if part not in ("", ".", ".."))
