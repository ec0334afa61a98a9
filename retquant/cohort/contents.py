"""What is in a file, by hash; a hash is trusted again while the file's size and modification time hold.

The cache is a text file in the run's folder, one line a file, appended to as chunks finish. It can be
deleted: the next run then reads the files of what is done once more. What workers tell during a run goes to that
file and stays in nobody's memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from retquant.errors import ImageError
from retquant.manifest.addresses import Address
from retquant.manifest.members import split_member, tidy
from retquant.tables.files import write_file, writing

ABSENT = "absent"
"""Content of a file that does not exist or cannot be read: a failure on it holds until the file appears."""

CACHE = ".cache/contents.tsv"
LARGEST = 1 << 32  # bytes of a file that is looked into; the largest volume that is read has 2.4 GB
_READERS = 8  # threads; hashing lets other threads run
_BLOCK = 1 << 20  # bytes
_STATE = re.compile(r"\w+\t\d+\t-?\d+")  # of a file in the cache: hash, size, time
_BATCH = 64  # files that a thread is given at once


@dataclass(frozen=True, slots=True)
class Content:
    """A file's hash with the size and modification time at which it was taken.

    Of a file in an archive the hash is its own, as if it were unpacked, and size and time are the archive's. Of one
    elsewhere the time is a number made of what its store changes with it.
    """

    path: str
    size: int  # bytes
    modified_ns: int
    sha256: str


def read_content(path: Path) -> Content:
    """Hash a file; its `sha256` is `ABSENT` where there is none to read."""
    if isinstance(path, Address):
        return _read_remote_content(path)
    if (parts := split_member(str(path))) is not None:
        return _read_member_content(path, *parts)
    try:
        state = path.stat()
        # a folder, a pipe that would never end, or a file with holes that would take hours
        if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST:
            return Content(str(path), 0, 0, ABSENT)
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (OSError, ValueError):  # ValueError: no disk can hold a file of that name
        return Content(str(path), 0, 0, ABSENT)
    return Content(str(path), state.st_size, state.st_mtime_ns, digest.hexdigest())


def _read_member_content(path: Path, archive: str, member: str) -> Content:
    from retquant.images.archive import read_member  # and all libraries of images, for runs that need it

    try:
        state = os.stat(archive)
        data = read_member(Path(archive), member)
    except (OSError, ImageError):
        return Content(str(path), 0, 0, ABSENT)
    return Content(str(path), state.st_size, state.st_mtime_ns, hashlib.sha256(data).hexdigest())


def _read_remote_content(address: Address) -> Content:
    from retquant.images.remote import read_address, state_of

    try:
        size, mark = state_of(address) or (0, 0)  # of which no file is: its hash is not trusted again
        return Content(str(address), size, mark, hashlib.sha256(read_address(address)).hexdigest())
    except ImageError:
        return Content(str(address), 0, 0, ABSENT)


class ContentCache:
    """Hashes of a run's files, remembered between runs.

    Parameters
    ----------
    out : Path
        The run's folder.
    verify : bool
        Read the bytes again also where size and modification time are as they were.
    """

    def __init__(self, out: Path, *, verify: bool = False) -> None:
        self._out = out
        self._known = {} if verify else _load(out / CACHE)  # of a file its line, without its name
        self._asked: set[str] = set()  # of these, what is known was seen to hold
        self._read: list[Content] = []  # by this process; not in the file yet

    def sha256(self, path: Path) -> str:
        """Hash of the file's bytes, or `ABSENT`; the file is looked at once, and so is a store elsewhere."""
        place = str(path)
        if place not in self._asked:
            self._look(path, place)
        known = self._known.get(place)
        return ABSENT if known is None else known.partition("\t")[0]

    def _look(self, path: Path, place: str) -> None:
        self._asked.add(place)
        if isinstance(path, Address):
            self._ask_store(path, place)
            return
        parts = split_member(place)
        try:
            state = os.stat(place if parts is None else parts[0])
        except OSError:
            self._known.pop(place, None)
            return
        if not self._holds(place, state.st_size, state.st_mtime_ns):
            self._keep(place, read_content(path))

    def _holds(self, place: str, size: int, modified_ns: int) -> bool:
        known = self._known.get(place)
        return known is not None and known.endswith(f"\t{size}\t{modified_ns}")

    def _ask_store(self, address: Address, place: str) -> None:
        """While a store does not answer, what is known holds."""
        from retquant.images.remote import NO_SUCH_FILE, state_of

        try:
            state = state_of(address)
        except ImageError as error:
            if error.problem == NO_SUCH_FILE:
                self._known.pop(place, None)
            return
        if state is None or not self._holds(place, *state):
            self._keep(place, read_content(address))

    def _keep(self, place: str, content: Content) -> None:
        self._known[place] = _state(content)
        self._read.append(content)

    def warm(self, paths: Iterable[Path]) -> None:
        """Look at many files at once, and hash what is not known; those of an archive one after another."""
        with ThreadPoolExecutor(_READERS) as pool:
            list(pool.map(self._hash_all, _batches(self._unknown(paths))))

    def _unknown(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Files, and those members of archives whose hash does not hold: an archive is asked about once, not opened."""
        stamps: dict[str, tuple[int, int] | None] = {}
        for path in paths:
            if isinstance(path, Address) or (parts := split_member(str(path))) is None:
                yield path
                continue
            if parts[0] not in stamps:
                try:
                    state = os.stat(parts[0])
                    stamps[parts[0]] = state.st_size, state.st_mtime_ns
                except OSError:
                    stamps[parts[0]] = None
            stamp = stamps[parts[0]]
            if stamp is None or not self._holds(str(path), *stamp):
                yield path

    def _hash_all(self, batch: Sequence[Path]) -> None:
        for path in batch:
            self._look(path, str(path))

    def forget(self) -> None:
        """Free what is known, once the run is planned: of a million files it takes 400 MiB."""
        self._known, self._asked = {}, set()

    def add(self, contents: Iterable[Content]) -> None:
        """Write down hashes that workers took, also over a kill."""
        path = self._out / CACHE
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8") as file:
                file.write("".join(_line(content) for content in contents if content.sha256 != ABSENT))

    def save(self) -> None:
        """Leave one line a file in the cache: the last that was written of it."""
        self.add(self._read)
        self._read = []
        with writing(self._out / CACHE), open(self._out / CACHE, "rb") as file:
            lines, last = 0, {}
            for line in file:
                last[hash(line.rpartition(b"\t")[2])] = lines
                lines += 1
            if len(last) == lines:
                return
            file.seek(0)
            kept = set(last.values())
            told = b"".join(line for number, line in enumerate(file) if number in kept)
        write_file(self._out, CACHE, told)


def _batches(paths: Iterable[Path]) -> Iterator[Sequence[Path]]:
    """Files by the handful, and all of an archive in the order in which they lie there: some only read forwards."""
    packed: dict[str, dict[str, Path]] = {}
    loose: list[Path] = []
    for path in paths:
        if isinstance(path, Address) or (parts := split_member(str(path))) is None:
            loose.append(path)
        else:
            packed.setdefault(parts[0], {})[tidy(parts[1])] = path
    for start in range(0, len(loose), _BATCH):
        yield loose[start : start + _BATCH]
    for archive, members in packed.items():
        yield [members[name] for name in _in_order(archive, members)]


def _in_order(archive: str, members: Collection[str]) -> Iterable[str]:
    from retquant.images.archive import member_names

    try:
        return [name for name in member_names(Path(archive)) if name in members]
    except ImageError:
        return ()  # what is missing is told where each image is asked for


def _line(content: Content) -> str:
    return f"{_state(content)}\t{json.dumps(content.path)}\n"


def _state(content: Content) -> str:
    return f"{content.sha256}\t{content.size}\t{content.modified_ns}"


def _load(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    known = {}
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            state, _, quoted = line.rstrip("\n").rpartition("\t")
            if not _STATE.fullmatch(state):
                continue  # a line that a kill cut short; its file is read again
            is_plain = "\\" not in quoted and len(quoted) > 1 and quoted[-1] == '"'
            try:
                name = quoted[1:-1] if is_plain else json.loads(quoted)
            except ValueError:
                continue  # likewise
            known[name] = state
    return known
