"""The images of a run, in the manifest's order: whose they are, what became of them, what is known of their quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from retquant.tables.commits import Holdings
from retquant.tables.parts import read_columns
from retquant.tables.reader import read_table

WAITING, MEASURED, FAILED = 0, 1, 2

ABOUT = ("participant_id", "eye", "visit", "modality")
"""Columns of `participants` that pages show; labels and covariates stay in the table."""

QUALITY = (
    *("grade", "gate", "laterality_inferred", "laterality_disagrees", "centring", "scale_source"),
    *("um_per_px", "width_px", "height_px", "vessel_source", "notes"),
)
"""Columns of `quality` that pages show."""

_FAILURE = ("image_id", "stage", "error", "message", "hint", "where")


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """The images of a run; every sequence is in their order."""

    ids: Sequence[str]
    index: pd.Index  # of the ids, to look rows up
    about: Mapping[str, Sequence[str]]  # of ABOUT; "" where unknown
    state: np.ndarray  # (n,) WAITING, MEASURED or FAILED
    quality: Mapping[int, Mapping[str, object]]  # row -> QUALITY
    failures: Mapping[int, Mapping[str, str]]  # row -> stage, error, message, hint, where
    overlays: Mapping[str, str]  # image_id -> name of its picture in `overlays`

    def rows(self, ids: pa.ChunkedArray | pa.Array) -> np.ndarray:
        """Rows of some image ids; -1 where an id is not of the run."""
        return np.asarray(self.index.get_indexer(ids.to_pandas()), np.int64)

    @property
    def n_people(self) -> int:
        """People whose ids are known."""
        return len(set(self.about["participant_id"]) - {""})


def read_images(out: Path, holdings: Holdings) -> Images:
    """Gather what the small tables say of each image.

    Raises
    ------
    OutputError
        The run has no participants table.
    """
    people = read_table(out, "participants")
    ids = list(dict.fromkeys([*_texts(people["image_id"]), *_texts(holdings.entries["image_id"])]))
    index = pd.Index(ids, dtype=object)
    at = dict(zip(_texts(people["image_id"]), range(len(people)), strict=True))
    about = {}
    for name in ABOUT:
        known = _texts(people[name]) if name in people.column_names else [""] * len(people)
        about[name] = [known[at[image_id]] if image_id in at else "" for image_id in ids]
    state = np.zeros(len(ids), np.uint8)
    rows = index.get_indexer(holdings.entries["image_id"].to_pandas())
    failed = np.asarray(holdings.entries["is_failure"])
    state[rows[~failed]], state[rows[failed]] = MEASURED, FAILED
    place = {image_id: row for row, image_id in enumerate(ids)}
    return Images(
        ids=ids,
        index=index,
        about=about,
        state=state,
        quality={
            place[row["image_id"]]: {name: row[name] for name in QUALITY}
            for row in _rows(holdings, "quality", ("image_id", *QUALITY))
        },
        failures={
            place[row["image_id"]]: {name: str(row[name] or "") for name in _FAILURE[1:]}
            for row in _rows(holdings, "failures", _FAILURE)
        },
        overlays=_overlays(out),
    )


def tally(images: Images, name: str) -> list[tuple[str, int]]:
    """How often each value of a quality column occurs, most first; "" where it is empty."""
    counts = Counter(str(row[name] if row[name] is not None else "") for row in images.quality.values())
    return counts.most_common()


def _rows(holdings: Holdings, table: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    tables = [rows for _, rows in read_columns(holdings.parts[table], list(columns))]
    return [row for rows in tables for row in rows.to_pylist()]


def _texts(column: pa.ChunkedArray) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _overlays(out: Path) -> dict[str, str]:
    folder = out / "overlays"
    if not folder.is_dir():
        return {}
    return {path.stem: path.name for path in folder.iterdir() if path.suffix in (".png", ".jpg", ".webp")}
