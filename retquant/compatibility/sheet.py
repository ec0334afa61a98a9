"""Reading the tables of other programs: names of images, numbers, and what each program writes for missing."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retquant.compatibility.mapping import Program
from retquant.errors import ConfigError

_MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "none", "null"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: an image a row, numbers in the columns."""

    path: Path
    images: list[str]
    columns: dict[str, list[float]]  # NaN for missing
    texts: tuple[str, ...]  # columns of the user's own that hold no numbers


def read_sheet(path: Path, program: Program) -> Sheet:
    """Read a table that a program wrote.

    Raises
    ------
    ConfigError
        The file cannot be read, is no table of that program's, or names an image twice.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file", where=str(path), remedy="the path of a table that exists"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"cannot be read as CSV: {error}",
            where=str(path),
            remedy=f"the CSV file as {program.name} wrote it",
        ) from None
    header = [name.strip() for name in lines[0]] if lines else []
    key = next((name for name in program.id_columns if name in header), None)
    if key is None:
        names = " or ".join(name for name in program.id_columns if name)
        raise ConfigError(
            f"no column names the image ({names})",
            where=str(path),
            remedy=f"the CSV file as {program.name} wrote it, with its header",
        )
    if twice := _repeated(header):
        raise ConfigError(
            f"column {twice!r} stands twice", where=str(path), remedy="each column once in the header"
        )
    body = [(number, line) for number, line in enumerate(lines[1:], start=2) if any(line)]
    for number, line in body:
        if len(line) != len(header):
            raise ConfigError(
                f"{len(line)} cells where the header has {len(header)}",
                where=f"{path}:{number}",
                remedy="one cell a column",
            )
    at = header.index(key)
    images = [line[at].strip().removesuffix(program.id_suffix) for _, line in body]
    _check_images(images, path)
    columns: dict[str, list[float]] = {}
    texts = []
    for place, name in enumerate(header):
        if name in (key, "") or name in program.not_measurements:
            continue
        try:
            columns[name] = [_number(line[place], name, f"{path}:{number}", program) for number, line in body]
        except ConfigError:
            if program.knows(name):
                raise
            texts.append(name)
    if not any(program.knows(name) for name in columns):
        raise ConfigError(
            f"none of its columns is one of {program.name}'s",
            where=str(path),
            remedy="docs/compatibility.md lists the names that are known",
        )
    return Sheet(path, images, columns, tuple(texts))


def _check_images(images: Sequence[str], path: Path) -> None:
    if "" in images:
        raise ConfigError("a row names no image", where=str(path), remedy="a name in every row")
    if twice := _repeated(images):
        raise ConfigError(
            f"image {twice!r} stands twice", where=str(path), remedy="one row an image in each file"
        )


def _repeated(names: Sequence[str]) -> str | None:
    """A name that stands more than once."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _number(cell: str, column: str, where: str, program: Program) -> float:
    text = cell.strip()
    if text.casefold() in _MISSING_WORDS:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(
            f"{column} is {text!r}, which is no number",
            where=where,
            remedy="a number, or nothing where missing",
        ) from None
    return math.nan if value in program.missing_values or math.isinf(value) else value
