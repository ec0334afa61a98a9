"""A pilot: the images of some people drawn at random, measured as the whole cohort will be, in the same folder."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from retquant.cohort.study import Study
from retquant.manifest.records import ImageRecord

CHUNK_SECONDS = 20.0  # of one worker: short chunks, so that there are enough of them to tell how rates vary


def pilot_of(study: Study, people: int, *, done: Collection[str]) -> Study:
    """The images of so many people of a study, and those that are `done`, whose results stay.

    The draw is the same each time, of whatever else the manifest has: who is in a small pilot is in a larger one.
    An image without a person is one by itself.
    """
    drawn = frozenset(sorted({_owner(record) for record in study.records}, key=_lot)[:people])
    records = [r for r in study.records if r.image_id in done or _owner(r) in drawn]
    images = pa.array([record.image_id for record in records], pa.string())
    return replace(
        study,
        records=records,
        participants=study.participants.filter(pc.is_in(study.participants["image_id"], value_set=images)),
    )


def _owner(record: ImageRecord) -> tuple[bool, str]:
    if record.participant_id is None:
        return False, record.image_id
    return True, record.participant_id


def _lot(owner: tuple[bool, str]) -> str:
    """What a draw of lots would give: no order of ids, and not the one by which shards are cut."""
    return hashlib.sha256(f"pilot\n{owner[0]}\n{owner[1]}".encode("utf-8", "surrogatepass")).hexdigest()
