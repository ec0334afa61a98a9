"""People who withdrew their consent: out of every table, picture and page of a run, and not measured again.

What stays is a list of hashes of their ids, by which later runs leave them out though the manifest names them.
Everything is safe to be killed and given again: the table that says whose an image is goes last.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retquant.cohort.contents import CACHE
from retquant.cohort.lock import locked
from retquant.cohort.record import RUN_RECORD, read_record, write_record
from retquant.cohort.shard import SHARDS, shard_folders
from retquant.cohort.study import Study
from retquant.errors import OutputError
from retquant.hygiene.examine import forget as forget_hygiene
from retquant.manifest.records import ImageRecord
from retquant.tables.files import write_file, writing
from retquant.tables.parts import list_parts, part_paths, read_columns, read_file, write_rows
from retquant.tables.reader import read_table
from retquant.tables.schemas import CHUNK_TABLES
from retquant.tables.upkeep import remove_images, sweep

WITHDRAWN = "withdrawn.txt"
_PAGES = frozenset({".html", ".json", ".js", ".csv", ".tsv", ".svg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What was removed."""

    people: int  # of those named, with images in the run
    unknown: int  # named, and not in the run
    images: int
    rows: Mapping[str, int]  # table -> rows
    pictures: int  # files of overlays, masks and the like
    pages: tuple[str, ...]  # that showed them, or the cohort with them


def read_ids(path: Path) -> frozenset[str]:
    """Ids from a text file, one a line.

    Raises
    ------
    OutputError
        There is no such file, or it names nobody.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"could not be read: {error}", where=str(path), remedy="give a text file with an id a line"
        ) from None
    ids = frozenset(line.strip() for line in lines if line.strip())
    if not ids:
        raise OutputError("there is no id in it", where=str(path), remedy="write one id a line")
    return ids


def withdraw(out: Path, ids: Collection[str]) -> Withdrawal:
    """Remove people from a run and its shards, by `participant_id`, or by `image_id` where they have none.

    Raises
    ------
    RefusedError
        A run is at work in the folder.
    OutputError
        There is no run in the folder, or it cannot be written.
    """
    places = [out, *shard_folders(out)]
    if not any(read_record(place) for place in places):
        raise OutputError("there is no run here", where=str(out), remedy="give the folder of a run")
    with locked(out):
        _remember(out, ids)  # first, so that nothing is measured again whatever happens now
        removed = [_withdraw_here(out, ids)] if read_record(out) else []
    for folder in shard_folders(out):
        with locked(folder):
            removed.append(_withdraw_here(folder, ids))
    people = frozenset().union(*(found for found, _ in removed))
    return Withdrawal(
        people=len(people),
        unknown=len(set(ids) - people),
        images=sum(what.images for _, what in removed),
        rows={t: sum(what.rows.get(t, 0) for _, what in removed) for t in (*CHUNK_TABLES, "participants")},
        pictures=sum(what.pictures for _, what in removed),
        pages=tuple(page for _, what in removed for page in what.pages),
    )


def without_withdrawn(study: Study, out: Path) -> Study:
    """The study without those who withdrew from the run in `out`."""
    if not (out / WITHDRAWN).exists():
        return study
    hashes = frozenset((out / WITHDRAWN).read_text(encoding="utf-8").split())
    records = [record for record in study.records if _hash(_owner(record)) not in hashes]
    kept = pa.array([record.image_id for record in records], pa.string())
    people = study.participants.filter(pc.is_in(study.participants["image_id"], value_set=kept))
    return replace(study, records=records, participants=people)


def _withdraw_here(out: Path, ids: Collection[str]) -> tuple[frozenset[str], Withdrawal]:
    """Who was found here, and what of them was removed."""
    owners = _owners(out)
    images = frozenset(image for image, owner in owners.items() if owner in set(ids))
    sweep(out)
    rows = {table: _rows_of(out, table, images) for table in CHUNK_TABLES}
    remove_images(out, images)
    pictures = [path for path in _pictures(out) if _shows(path.relative_to(out), images)]
    found = frozenset(owners[image] for image in images)
    pages = list(_stale_pages(out, images | found)) if images else []
    with writing(out):
        for path in {*pictures, *pages}:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in pictures}:
            if folder.name in images:
                shutil.rmtree(folder, ignore_errors=True)
        (out / CACHE).unlink(missing_ok=True)  # names of files; it is made anew
        pages += forget_hygiene(out) if images else []
    rows["participants"] = _forget(out, images)
    if (record := read_record(out)) is not None:
        counts = record.counts.model_copy(update={"images": len(owners) - len(images)})
        # what a run failed of may name an image
        problem = "" if any(name in record.problem for name in images | found) else record.problem
        write_record(out, record.with_counts(counts, problem=problem))
    return found, Withdrawal(
        people=len(found),
        unknown=0,
        images=len(images),
        rows=rows,
        pictures=len(pictures),
        pages=tuple(str(page.relative_to(out)) for page in pages),
    )


def _owners(out: Path) -> dict[str, str]:
    """Image -> its person, or itself where the manifest names none."""
    names = ["image_id", "participant_id"]
    table = read_table(out, "participants")
    images = table["image_id"].to_pylist()
    people = table[names[1]].to_pylist() if names[1] in table.column_names else [None] * len(images)
    return {
        image: image if person is None else str(person) for image, person in zip(images, people, strict=True)
    }


def _rows_of(out: Path, table: str, images: Collection[str]) -> int:
    leaving = pa.array(sorted(images), pa.string())
    return sum(
        pc.sum(pc.is_in(rows["image_id"], value_set=leaving)).as_py() or 0
        for _, rows in read_columns(list_parts(out, table), ["image_id"])
    )


def _forget(out: Path, images: Collection[str]) -> int:
    """Rewrite the table that says whose an image is, and say how many rows went."""
    leaving = pa.array(sorted(images), pa.string())
    gone = 0
    for path in part_paths(out, "participants"):
        rows = read_file(path)
        stays = rows.filter(pc.invert(pc.is_in(rows["image_id"], value_set=leaving)))
        if len(stays) < len(rows):
            gone += len(rows) - len(stays)
            write_rows(out, path, stays.schema, [stays])
    return gone


def _pictures(out: Path) -> Iterator[Path]:
    tables = {*CHUNK_TABLES, "participants", "dictionary", "hygiene", SHARDS}
    for folder in out.iterdir():
        if folder.is_dir() and folder.name not in tables and not folder.name.startswith("."):
            yield from (path for path in folder.rglob("*") if path.is_file() and path.suffix not in _PAGES)


def _shows(path: Path, images: Collection[str]) -> bool:
    """Whether a file of `overlays/`, `masks/` and the like, or the folder that it lies in there, is of an image."""
    if len(path.parts) < 2:
        return False
    return (path.stem if len(path.parts) == 2 else path.parts[1]) in images


def _stale_pages(out: Path, ids: Collection[str]) -> Iterator[Path]:
    """Pages that show somebody, by their name or within; those of the whole cohort have everybody in their figures."""
    for page in sorted(out.rglob("*")):
        place = page.relative_to(out)
        is_page = page.suffix in _PAGES and page.is_file() and place.parts[0] != SHARDS
        if not is_page or place.parts[0].startswith(".") or page.name in (RUN_RECORD, WITHDRAWN):
            continue
        if len(place.parts) == 1 or _shows(place, ids) or _names(page, ids):
            yield page


def _names(page: Path, ids: Collection[str]) -> bool:
    content = page.read_bytes()
    return any(name.encode("utf-8", "surrogatepass") in content for name in ids)


def _remember(out: Path, ids: Collection[str]) -> None:
    known = (out / WITHDRAWN).read_text(encoding="utf-8").split() if (out / WITHDRAWN).exists() else []
    hashes = sorted({*known, *map(_hash, ids)})
    write_file(out, WITHDRAWN, "".join(f"{line}\n" for line in hashes).encode())


def _owner(record: ImageRecord) -> str:
    return record.image_id if record.participant_id is None else record.participant_id


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
