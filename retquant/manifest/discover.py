"""From a folder of images to a manifest: what is there, and what the names tell of people and eyes."""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retquant.errors import ConfigError, ImageError, ManifestError, OutputError
from retquant.manifest.formulas import neutral
from retquant.manifest.members import MARK, as_folder, is_archive, member_problem, split_member
from retquant.manifest.patterns import IMAGE_ENDINGS, READY, Pattern, written_pattern

PLAIN = Pattern(name="plain", read=lambda _: None)
"""Takes every picture for an image and nothing from its name."""

ENOUGH = 0.9
"""Share of the names that a ready pattern must understand to be taken unasked."""

_RESULTS = (
    "run.json"  # a folder with it holds the results of a run, whose pictures are no images of the cohort
)
_NAMELESS = re.compile(r"(^[^.]+|\.\d+)$")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, eq=False, kw_only=True)
class Discovery:
    """Images of a folder as rows of a manifest yet to be written."""

    folder: Path  # absolute
    rows: tuple[
        Mapping[str, str], ...
    ]  # columns of each image; `image` and masks relative to the folder, with "/"
    not_understood: tuple[
        str, ...
    ]  # images of whose names nothing was taken, and files whose names cannot be written
    pattern: str  # its name, or as it was written
    unread: tuple[str, ...] = ()  # archives that could not be listed

    @property
    def n_images(self) -> int:
        """Images listed."""
        return len(self.rows)

    @property
    def n_people(self) -> int:
        """People told apart."""
        return len({row["participant_id"] for row in self.rows if "participant_id" in row})

    @property
    def n_eyes(self) -> int:
        """Eyes told apart: of known people where there are some, else images whose side is known."""
        sided = [row for row in self.rows if "eye" in row]
        return len({(row.get("participant_id", row["image"]), row["eye"]) for row in sided})


@dataclass(frozen=True, slots=True, kw_only=True)
class Openers:
    """What looks into files, which this room does not do by itself; by default nothing does."""

    members: Callable[[Path], Collection[str]] = lambda _: ()  # an archive's files
    columns: Callable[[Path], Mapping[str, str]] = lambda _: {}  # what an image's header tells, by column


def discover(folder: Path | str, *, pattern: str | None = None, openers: Openers | None = None) -> Discovery:
    """List the images of a folder and its subfolders, and take from their names what the pattern says.

    An archive counts as the folder that it unpacks to. What a name does not tell, a header may.

    Parameters
    ----------
    folder : Path or str
        Hidden files, linked folders and folders with a run's results are passed over.
    pattern : str, optional
        Name of a ready pattern (drive, idrid, odir, ukb, plain, auto), or one such as `{participant_id}_{eye}`. By
        default, auto: the ready pattern that understands most names if it understands nine in ten, else plain.
    openers : Openers, optional
        Without them archives are passed over, and headers are not read.

    Raises
    ------
    ManifestError
        There is no such folder, or no image in it.
    ConfigError
        The pattern is neither known nor well formed.
    """
    top = Path(folder).absolute()
    if not top.is_dir():
        raise ManifestError(
            "there is no such folder", where=str(folder), remedy="give the folder with the images"
        )
    openers = openers or Openers()
    closed: list[str] = []
    paths = sorted(_pictures(top, openers, closed), key=_natural)
    chosen = _chosen(paths, pattern or "auto")
    images = [path for path in paths if not _is_beside(path, chosen)]
    if not images:
        raise ManifestError(
            f"there are no images (pattern: {chosen.name})",
            where=str(folder),
            remedy=f"give a folder with files that end in {', '.join(IMAGE_ENDINGS)}, or archives of them",
        )
    rows, unread = [], []
    for path in images:
        columns = None if _UNWRITABLE.search(path) else chosen.read(as_folder(path))
        if columns is None:
            unread.append(path.encode("utf-8", "backslashreplace").decode())
        if not _UNWRITABLE.search(path):
            masks = {name: mask for name, mask in chosen.masks(path).items() if (top / mask).is_file()}
            told = openers.columns(Path(f"{top}/{path}"))
            rows.append({"image": path, **told, **(columns or {}), **masks})
    return Discovery(
        folder=top, rows=tuple(rows), not_understood=tuple(unread), pattern=chosen.name, unread=tuple(closed)
    )


def write_manifest(discovery: Discovery, path: Path | str) -> None:
    """Write what was found as CSV in UTF-8, with paths relative to the manifest where files lie beside or below it.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    base = os.path.realpath(path.absolute().parent)
    names = list(dict.fromkeys(name for row in discovery.rows for name in row))
    names.sort(key=lambda name: name.endswith("_mask"))  # in the order of the names, masks last
    rooms = _Places(discovery.folder, base)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            for row in discovery.rows:
                writer.writerow([_cell(name, row.get(name), rooms) for name in names])
    except OSError as error:
        raise OutputError(
            f"the manifest cannot be written ({error.strerror})",
            where=str(path),
            remedy="write it elsewhere with --out",
        ) from None


@dataclass(frozen=True, slots=True)
class _Places:
    folder: Path  # of the images
    base: str  # the manifest's folder, resolved

    def written(self, found: str) -> str:
        """How the manifest names a file: relative to itself if its real place allows, else absolutely."""
        if (parts := split_member(found)) is not None:
            return f"{self.written(parts[0])}{MARK}{parts[1]}"
        full = os.path.join(self.folder, found)
        real = os.path.realpath(full)
        near = os.path.relpath(
            os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full)), self.base
        )
        is_inside = os.path.commonpath([real, self.base]) == self.base and not near.startswith(os.pardir)
        if not is_inside or (os.sep == "/" and "\\" in near):
            return full
        relative = near.replace(os.sep, "/")
        return f"./{relative}" if relative[0] in "=+-@ " else relative  # no program may take it for a formula


def _cell(name: str, value: str | None, places: _Places) -> str:
    if value is None:
        return ""
    if name == "image" or name.endswith("_mask"):
        return places.written(value)
    return neutral(value)


def _pictures(top: Path, openers: Openers, closed: list[str]) -> Iterator[str]:
    """Paths of pictures below the folder, relative to it, with "/"; archives that cannot be listed go to `closed`."""
    for folder, folders, files in os.walk(top):
        if _RESULTS in files and folder != str(top):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        below = os.path.relpath(folder, top).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        for name in files:
            if name.startswith("."):
                continue
            if name.lower().endswith(IMAGE_ENDINGS) or _is_nameless_dicom(folder, name):
                yield prefix + name
            elif is_archive(name):
                try:
                    members = openers.members(Path(folder) / name)
                except ImageError:
                    closed.append(prefix + name)
                    continue
                yield from (f"{prefix}{name}{MARK}{member}" for member in members if _is_picture(member))


def _is_picture(member: str) -> bool:
    """Whether a file in an archive is one by its name, and no shadow of one as macOS packs them."""
    parts = member.split("/")
    return (
        member.lower().endswith(IMAGE_ENDINGS)
        and member_problem(member) is None
        and not any(part.startswith((".", "__MACOSX")) for part in parts)
    )


def _is_nameless_dicom(folder: str, name: str) -> bool:
    """Whether a file without an ending, or with a number for one, is DICOM: archives of hospitals name them so."""
    if not _NAMELESS.search(name) or name.upper() == "DICOMDIR":
        return False
    path = os.path.join(folder, name)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _chosen(paths: Sequence[str], wanted: str) -> Pattern:
    if "{" in wanted:
        return written_pattern(wanted)
    if wanted == "plain":
        return PLAIN
    if wanted in READY:
        return READY[wanted]
    if wanted != "auto":
        raise ConfigError(
            f"there is no pattern {wanted!r}",
            where="--pattern",
            remedy=f"one of {', '.join((*READY, 'plain', 'auto'))}, or one as '{{participant_id}}_{{eye}}'",
        )
    best, most = PLAIN, 0
    for pattern in READY.values():
        images = [path for path in paths if not _is_beside(path, pattern)]
        understood = sum(pattern.read(as_folder(path)) is not None for path in images)
        if understood > most and understood >= ENOUGH * len(images):
            best, most = pattern, understood
    return best


def _is_beside(path: str, pattern: Pattern) -> bool:
    """Whether it lies in a folder of masks, which the pattern knows by name."""
    return any(folder.lower() in pattern.other_folders for folder in as_folder(path).split("/")[:-1])


def _natural(path: str) -> tuple[list[tuple[int, str]], str]:
    """A key by which 2_left comes before 10_left, and B after a."""
    parts = re.split(r"(\d+)", path.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path
