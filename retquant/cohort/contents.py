"""What is in a file, by hash; a hash is trusted again while the file's size and modification time hold.

The cache is a text file in the run's folder, one line a file, appended to as chunks finish. It can be
deleted: the next run then reads the files of what is done once more.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from retquant.tables.files import write_file, writing

ABSENT = "absent"
"""Content of a file that does not exist or cannot be read: a failure on it holds until the file appears."""

CACHE = ".cache/contents.tsv"
_READERS = 8  # threads; hashing lets other threads run
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A file's hash with the size and modification time at which it was taken."""

    path: str
    size: int  # bytes
    modified_ns: int
    sha256: str


def read_content(path: Path) -> Content:
    """Hash a file; its `sha256` is `ABSENT` where there is none to read."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # a folder, or a pipe that would never end
            return Content(str(path), 0, 0, ABSENT)
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return Content(str(path), 0, 0, ABSENT)
    return Content(str(path), state.st_size, state.st_mtime_ns, digest.hexdigest())


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
        self._known = {} if verify else _load(out / CACHE)

    def sha256(self, path: Path) -> str:
        """Hash of the file's bytes, or `ABSENT`."""
        try:
            state = path.stat()
        except OSError:
            return ABSENT
        known = self._known.get(str(path))
        if known is None or (known.size, known.modified_ns) != (state.st_size, state.st_mtime_ns):
            known = read_content(path)
            self._known[str(path)] = known
        return known.sha256

    def warm(self, paths: Iterable[Path]) -> None:
        """Hash many files at once, as far as they are not known."""
        with ThreadPoolExecutor(_READERS) as pool:
            list(pool.map(self.sha256, paths))

    def add(self, contents: Iterable[Content]) -> None:
        """Remember hashes that workers took, also over a kill."""
        present = [content for content in contents if content.sha256 != ABSENT]
        self._known.update({content.path: content for content in present})
        path = self._out / CACHE
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8") as file:
                file.write("".join(map(_line, present)))

    def save(self) -> None:
        """Write the cache anew, one line a file."""
        present = [content for content in self._known.values() if content.sha256 != ABSENT]
        write_file(self._out, CACHE, "".join(map(_line, present)).encode())


def _line(content: Content) -> str:
    return f"{content.sha256}\t{content.size}\t{content.modified_ns}\t{json.dumps(content.path)}\n"


def _load(path: Path) -> dict[str, Content]:
    if not path.exists():
        return {}
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            digest, size, modified, name = line.split("\t")
            content = Content(json.loads(name), int(size), int(modified), digest)
        except ValueError:
            continue  # a line that a kill cut short; its file is read again
        known[content.path] = content
    return known
