"""What hygiene looks at: a few columns of a run, a row an image, in arrays that a million images do not make heavy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retquant.images.fingerprint import FREQUENCIES, fingerprint_numbers
from retquant.tables.commits import Holdings, survey
from retquant.tables.parts import Part
from retquant.tables.reader import read_table

EYES = ("", "OD", "OS")
GRADES = ("", "reject", "usable", "good")
UNKNOWN = -1

_DIGEST = "S32"
_BATCH = 1 << 16  # rows read at a time
_ABOUT = ("image_id", "participant_id", "eye", "visit", "modality")
_QUALITY = (
    *("image_id", "grade", "laterality_inferred", "laterality_disagrees"),
    *("file_digest", "picture_digest", "fingerprint"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class CohortColumns:
    """N images in the manifest's order. Codes are equal where the texts are; `UNKNOWN` where there is none."""

    ids: np.ndarray  # (N,) object
    person: np.ndarray  # (N,) int64
    eye: np.ndarray  # (N,) int8, place in EYES, as the manifest says
    eye_shown: np.ndarray  # (N,) int8, as the picture shows
    eye_disagrees: np.ndarray  # (N,) bool
    visit: np.ndarray  # (N,) int64
    modality: np.ndarray  # (N,) int64
    is_measured: np.ndarray  # (N,) bool
    grade: np.ndarray  # (N,) int8, place in GRADES
    score: np.ndarray  # (N,) float32, NaN where unknown
    file_digest: np.ndarray  # (N,) bytes
    picture_digest: np.ndarray  # (N,) bytes
    texts: dict[str, np.ndarray]  # participant_id and visit as they are, (N,) object
    fingerprints: np.ndarray  # (M, D) int8, of those that have one
    fingerprinted: np.ndarray  # (M,) which images these are


def read_columns_of(out: Path) -> CohortColumns:
    """Read what is committed of the run in `out`.

    Raises
    ------
    OutputError
        There is no run in the folder.
    """
    people = read_table(out, "participants", _ABOUT)
    holdings = survey(out)
    index = pd.Index(people["image_id"].to_pandas(), dtype=object)
    count = len(index)
    columns = {name: _codes(people, name, count) for name in ("participant_id", "visit", "modality")}
    found = CohortColumns(
        ids=index.to_numpy(),
        person=columns["participant_id"][0],
        eye=_places(_texts(people, "eye", count), EYES),
        eye_shown=np.zeros(count, np.int8),
        eye_disagrees=np.zeros(count, bool),
        visit=columns["visit"][0],
        modality=columns["modality"][0],
        is_measured=np.zeros(count, bool),
        grade=np.zeros(count, np.int8),
        score=np.full(count, np.nan, np.float32),
        file_digest=np.zeros(count, _DIGEST),
        picture_digest=np.zeros(count, _DIGEST),
        texts={name: columns[name][1] for name in ("participant_id", "visit")},
        fingerprints=np.zeros((0, len(FREQUENCIES)), np.int8),
        fingerprinted=np.zeros(0, np.intp),
    )
    numbers, rows = _read_quality(holdings, index, found)
    _read_results(holdings, index, found)
    return CohortColumns(
        **{
            name: getattr(found, name)
            for name in found.__dataclass_fields__
            if not name.startswith("fingerprint")
        },
        fingerprints=numbers,
        fingerprinted=rows,
    )


def _read_quality(holdings: Holdings, index: pd.Index, into: CohortColumns) -> tuple[np.ndarray, np.ndarray]:
    """Fill in what the table tells of each image; fingerprints, and the images that they are of."""
    numbers = np.zeros((sum(part.rows for part in holdings.parts["quality"]), len(FREQUENCIES)), np.int8)
    rows = np.zeros(len(numbers), np.intp)
    count = 0
    for batch in _batches(holdings.parts["quality"], _QUALITY):
        at = index.get_indexer(batch["image_id"].to_pandas())
        batch, at = batch.filter(pa.array(at >= 0)), at[at >= 0]
        into.grade[at] = _places(_texts(batch, "grade", len(at)), GRADES)
        into.eye_shown[at] = _places(_texts(batch, "laterality_inferred", len(at)), EYES)
        into.eye_disagrees[at] = _texts(batch, "laterality_disagrees", len(at)) == "true"
        into.file_digest[at] = _texts(batch, "file_digest", len(at)).astype(_DIGEST)
        into.picture_digest[at] = _texts(batch, "picture_digest", len(at)).astype(_DIGEST)
        texts = _texts(batch, "fingerprint", len(at))
        has = np.flatnonzero(texts != "")
        numbers[count : count + len(has)] = fingerprint_numbers(texts[has].tolist())
        rows[count : count + len(has)] = at[has]
        count += len(has)
    return numbers[:count], rows[:count]


def _read_results(holdings: Holdings, index: pd.Index, into: CohortColumns) -> None:
    for batch in _batches(holdings.parts["biomarkers"], ("image_id", "quality_score")):
        at = index.get_indexer(batch["image_id"].to_pandas())
        into.is_measured[at[at >= 0]] = True
        if batch.schema.get_field_index("quality_score") >= 0:
            scores = batch["quality_score"].to_numpy(zero_copy_only=False)
            into.score[at[at >= 0]] = scores[at >= 0]
    for batch in _batches(holdings.parts["failures"], ("image_id", "file_digest")):
        at = index.get_indexer(batch["image_id"].to_pandas())
        digests = _texts(batch, "file_digest", len(at)).astype(_DIGEST)
        into.file_digest[at[at >= 0]] = digests[at >= 0]


def _batches(parts: Sequence[Part], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        with pq.ParquetFile(part.path) as file:
            yield from file.iter_batches(batch_size=_BATCH, columns=list(columns))


def _texts(rows: pa.Table | pa.RecordBatch, name: str, count: int) -> np.ndarray:
    """(count,) object, "" where the column or its value is missing."""
    if rows.schema.get_field_index(name) < 0:
        return np.full(count, "", object)
    texts = pc.fill_null(rows[name].cast(pa.string()), "")
    return np.asarray(texts.to_numpy(zero_copy_only=False), object)


def _codes(rows: pa.Table, name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    texts = _texts(rows, name, count)
    codes, distinct = pd.factorize(texts)
    blank = np.flatnonzero(np.asarray(distinct) == "")
    return np.where(np.isin(codes, blank), UNKNOWN, codes), texts


def _places(texts: np.ndarray, known: Sequence[str]) -> np.ndarray:
    """(N,) int8 place of each text among those known, 0 for any other."""
    places = np.zeros(len(texts), np.int8)
    for place, word in enumerate(known[1:], start=1):
        places[texts == word] = place
    return places
