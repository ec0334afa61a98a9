"""A manifest in parts, for job arrays: each shard is a run of its own, and the whole run takes their results over.

Shards lie in `DIR/shards/2-of-8`, each with its own lock, so that no two processes ever write one folder. A
person's images lie in one shard, whatever else the manifest holds. Results move by hard links, first all of
them in, then all of them out: a kill in between leaves them whole in at least one of the two places.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retquant.cohort.consent import require_consent
from retquant.cohort.contents import CACHE, ContentCache
from retquant.cohort.journal import LOG
from retquant.cohort.ledger import ledger_of
from retquant.cohort.lock import RefusedError, living_holder_of, locked
from retquant.cohort.plan import make_plan
from retquant.cohort.record import Counts, PastRun, past, read_record, write_record
from retquant.cohort.shard import Shard, shard_folders
from retquant.cohort.study import CohortSettings, Study
from retquant.tables.commits import survey
from retquant.tables.files import sync_folder, write_file, writing
from retquant.tables.schemas import CHUNK_TABLES
from retquant.tables.upkeep import remove_images, sweep

_OF_THE_RUN = frozenset(
    {*CHUNK_TABLES, "participants", "dictionary", "hygiene"}
)  # folders that are no pictures


def part_of(study: Study, shard: Shard, out: Path, *, settings: CohortSettings, method: str) -> Study:
    """What the shard has to do that the whole run in `out` has not done; to be called under the shard's lock.

    Raises
    ------
    RefusedError
        The whole run is at work, or a change of settings has to be agreed to.
    """
    if holder := living_holder_of(out):
        raise RefusedError(
            f"{holder} is working on the whole manifest",
            where=str(out),
            remedy="wait for it, or end it with `retquant cohort stop`",
        )
    records = [record for record in study.records if shard.holds(record)]
    if (before := read_record(out)) is not None:
        contents = ContentCache(out, verify=settings.verify)
        plan = make_plan(
            records, ledger_of(survey(out)), method=method, contents=contents, redo=settings.redo
        )
        if not settings.agreed:
            require_consent(replace(plan, dropped=frozenset()), before, out=out, method=method)
        records = list(plan.todo)
    images = pa.array([record.image_id for record in records], pa.string())
    people = study.participants.filter(pc.is_in(study.participants["image_id"], value_set=images))
    return replace(study, records=records, participants=people)


def take_over(out: Path) -> tuple[PastRun, ...]:
    """Move the results of all shards into `out`, and say which runs they came from; under the lock of `out`.

    Raises
    ------
    RefusedError
        A shard is at work.
    """
    folders = shard_folders(out)
    for folder in folders:
        if holder := living_holder_of(folder):
            raise RefusedError(
                f"{holder} is working on shard {folder.name}",
                where=str(folder),
                remedy=f"wait for it, or end it with `retquant cohort stop {folder}`",
            )
    history: tuple[PastRun, ...] = ()
    if folders:
        sweep(out)
    for folder in folders:
        with locked(folder):
            record = read_record(folder)
            if record is not None and read_record(out) is None:  # what is killed now is known for a run
                write_record(out, record.with_counts(Counts(), state="interrupted", history=()))
            history += past(record)
            _move(folder, out)
    return history


def _move(folder: Path, out: Path) -> None:
    holdings = sweep(folder)
    arriving = {path.name for path in (part.path for part in holdings.parts["biomarkers"])}
    present = {path.name for path in (out / "biomarkers").glob("part-*.parquet")}
    if arriving - present:  # else a kill came between the two halves of this move
        here = ledger_of(survey(out)).images
        remove_images(out, here.intersection(holdings.entries["image_id"].to_pylist()))
    for picture in _pictures(folder):
        _carry(picture, out, picture.relative_to(folder), keep=False)
    for table in CHUNK_TABLES:  # `biomarkers` last: it commits
        for part in holdings.parts[table]:
            _carry(part.path, out, part.path.relative_to(folder), keep=True)
        if holdings.parts[table]:
            sync_folder(out / table)
    for lines in (CACHE, LOG):
        _append(folder / lines, out / lines)
    with writing(folder):
        shutil.rmtree(folder)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def _pictures(folder: Path) -> Iterator[Path]:
    for place in folder.iterdir():
        if place.is_dir() and place.name not in _OF_THE_RUN and not place.name.startswith("."):
            yield from (path for path in place.rglob("*") if path.is_file())


def _carry(source: Path, out: Path, relative: Path, *, keep: bool) -> None:
    """Give a file its place in `out`, at once whole; one that is there already is the same."""
    target = out / relative
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not keep:
            os.replace(source, target)
            return
        try:
            os.link(source, target)
        except FileExistsError:
            return
        except OSError:  # a disk without hard links
            write_file(out, str(relative), source.read_bytes())


def _append(source: Path, target: Path) -> None:
    """Hashes that the shard's workers took, and its log: lines are independent of each other, and later ones hold."""
    if source.exists():
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "ab") as file:
                file.write(source.read_bytes())
