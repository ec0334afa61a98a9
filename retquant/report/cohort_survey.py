"""Reading a run for its pages, column by column and part by part, so that memory grows with what is shown only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retquant.errors import OutputError
from retquant.report.cohort_columns import ShownColumn, shown_columns
from retquant.report.cohort_figures import Distribution, distribution
from retquant.report.cohort_images import Images, read_images
from retquant.report.packed_values import MOST_REASONS, PackedValues, numbered
from retquant.tables.commits import Holdings, survey
from retquant.tables.parts import part_paths, read_file

MOST_VESSELS = (
    8  # of the arteries, and of the veins, of an image: the six of an equivalent and two beside them
)

_VALUES = 40_000_000  # read at a time: few passes over the parts, whose footers take longest
_BATCH = 1 << 18  # rows of the long tables read at a time
_TRIES = 5  # a run that compacts its parts moves files between listing and reading
_VESSEL = (
    *("segment", "calibre_px", "calibre_um", "length_px", "x_start", "y_start"),
    *("equivalent_rank", "equivalent_calibre_px"),
)
_FIRST = (
    1e6  # added to what is sorted by calibre where a vessel enters an equivalent, so that those come first
)


@dataclass(frozen=True, kw_only=True, eq=False)
class CohortSurvey:
    """All that the pages of a run show of its tables."""

    images: Images
    columns: tuple[ShownColumn, ...]
    distributions: Mapping[str, Distribution]  # of the columns that have any value
    missing: Mapping[str, Mapping[str, int]]  # column -> reason -> images, most first
    far: np.ndarray  # (n,) summary columns of which an image is an outlier
    summary: tuple[ShownColumn, ...]  # the columns of the packed values, in order
    packed: PackedValues
    reasons: Mapping[str, int]  # reason -> number in the packed values
    vessels: Mapping[
        int, Mapping[str, Sequence[Sequence[float | None]]]
    ]  # row -> structure -> (_VESSEL), those of an equivalent in their order, then the widest


def survey_cohort(out: Path, tick: Callable[[str], None] = lambda text: None) -> CohortSurvey:
    """Read the run in `out`, live, dead or finished; only what is committed counts.

    Parameters
    ----------
    tick : callable
        Told what is being read.

    Raises
    ------
    OutputError
        There is no run in the folder, or it moves its files faster than they can be read.
    """
    for _ in range(_TRIES):
        try:
            return _survey(out, tick)
        except FileNotFoundError:
            continue
    raise OutputError(
        "the run moves its files while they are read", where=str(out), remedy="try again when it has ended"
    )


def _survey(out: Path, tick: Callable[[str], None]) -> CohortSurvey:
    files = part_paths(out, "biomarkers")
    if not files:
        raise OutputError(
            "there is no run here", where=str(out), remedy="give the folder that `retquant cohort run` wrote"
        )
    tick("images")
    holdings = survey(out)
    images = read_images(out, holdings)
    columns = shown_columns(out, set(pq.read_schema(files[0]).names))
    described: dict[str, Distribution] = {}
    far = np.zeros(len(images.ids), np.int32)
    summary = tuple(column for column in columns if column.is_summary)
    packed = PackedValues(len(images.ids), len(summary))
    place = {column.name: index for index, column in enumerate(summary)}
    for name, values in _values(holdings, images, [column.name for column in columns], tick):
        found = distribution(values)
        if found is None:
            continue
        described[name] = found
        if name in place:
            far[found.outlier_rows] += 1
            packed.put(place[name], values)
    tick("missing values")
    missing, reasons = _missing(holdings, images, packed, place)
    tick("vessels")
    return CohortSurvey(
        images=images,
        columns=columns,
        distributions=described,
        missing=missing,
        far=far,
        summary=summary,
        packed=packed,
        reasons=reasons,
        vessels=_vessels(holdings, images),
    )


def _values(
    holdings: Holdings, images: Images, names: Sequence[str], tick: Callable[[str], None]
) -> Iterator[tuple[str, np.ndarray]]:
    """Each column's (n,) values in the images' order, NaN where there is none."""
    parts = holdings.parts["biomarkers"]
    rows = [images.rows(read_file(part.path, ["image_id"])["image_id"]) for part in parts]
    step = max(1, _VALUES // max(1, len(images.ids)))
    for start in range(0, len(names), step):
        block = names[start : start + step]
        tick(f"columns {start + 1} to {start + len(block)} of {len(names)}")
        gathered = np.full((len(block), len(images.ids)), np.nan, np.float32)
        for part, at in zip(parts, rows, strict=True):
            table = read_file(part.path, list(block))
            columns = dict(zip(table.column_names, table.columns, strict=True))
            for index, name in enumerate(block):
                if name in columns:
                    gathered[index, at] = columns[name].to_numpy()
        yield from zip(block, gathered, strict=True)


def _missing(
    holdings: Holdings, images: Images, packed: PackedValues, place: Mapping[str, int]
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Count missing values by column and reason, and put the reasons of summary columns into the packed values."""
    counts: dict[str, dict[str, int]] = {}
    known: dict[str, int] = {}
    for batch in _batches(holdings, "missing", ["image_id", "biomarker", "reason"]):
        names, name_codes = _coded(batch["biomarker"])
        reasons, reason_codes = _coded(batch["reason"])
        pairs, times = np.unique(name_codes * len(reasons) + reason_codes, return_counts=True)
        for pair, count in zip(pairs, times, strict=True):
            of = counts.setdefault(names[pair // len(reasons)], {})
            reason = reasons[pair % len(reasons)]
            of[reason] = of.get(reason, 0) + int(count)
        for reason in reasons:
            known.setdefault(reason, min(len(known) + 1, MOST_REASONS))
        columns = np.array([place.get(name, -1) for name in names])[name_codes]
        numbers = np.array([known[reason] for reason in reasons], np.uint8)[reason_codes]
        ids, id_codes = _coded(batch["image_id"])
        rows = images.rows(pa.array(ids, pa.string()))[id_codes]
        shown = (columns >= 0) & (rows >= 0)
        packed.put_reasons(rows[shown], columns[shown], numbers[shown])
    ordered = {
        name: dict(sorted(of.items(), key=lambda item: (-item[1], item[0]))) for name, of in counts.items()
    }
    return ordered, numbered(list(known))


def _vessels(holdings: Holdings, images: Images) -> dict[int, dict[str, list[list[float | None]]]]:
    """Arteries and veins that touch zone B, of each image that has any: those that CRAE and CRVE are made of first."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for batch in _batches(holdings, "vessels", ["image_id", "structure", "in_zone_b", *_VESSEL]):
        wanted = pc.and_(
            pc.is_in(batch["structure"], pa.array(["artery", "vein"])),
            pc.fill_null(batch["in_zone_b"], False),
        )
        batch = batch.filter(pc.and_(wanted, pc.is_valid(batch["calibre_px"])))
        if not len(batch):
            continue
        rows = images.rows(batch["image_id"])
        is_vein = pc.equal(batch["structure"], "vein").to_numpy(zero_copy_only=False)
        numbers = np.stack([_numbers(batch, name) for name in _VESSEL], axis=1)
        order, rank = _ranked(rows, is_vein, _importance(numbers))
        kept = order[rank < MOST_VESSELS]  # an image's rows are in one chunk, though batches may divide it
        found.append((rows[kept], is_vein[kept], numbers[kept]))
    if not found:
        return {}
    rows, is_vein, numbers = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order, rank = _ranked(rows, is_vein, _importance(numbers))
    vessels: dict[int, dict[str, list[list[float | None]]]] = {}
    for at in order[rank < MOST_VESSELS]:
        if rows[at] < 0:
            continue
        of = vessels.setdefault(int(rows[at]), {})
        line = [round(float(value), 1) if np.isfinite(value) else None for value in numbers[at]]
        of.setdefault("vein" if is_vein[at] else "artery", []).append(line)
    return vessels


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """A column as float32; NaN where it is empty, or its part was written before there was such a column."""
    if batch.schema.get_field_index(name) < 0:
        return np.full(len(batch), np.nan, np.float32)
    return np.asarray(batch[name].to_numpy(zero_copy_only=False).astype(np.float32))


def _importance(numbers: np.ndarray) -> np.ndarray:
    """What vessels (n, _VESSEL) are sorted by, falling."""
    place = numbers[:, _VESSEL.index("equivalent_rank")]
    return np.where(np.isnan(place), numbers[:, _VESSEL.index("calibre_px")], _FIRST - place)


def _ranked(rows: np.ndarray, is_vein: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order by image, structure and falling importance, and each one's place within image and structure, from 0."""
    order = np.lexsort((-importance, is_vein, rows))
    group = rows[order] * 2 + is_vein[order]
    starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    lengths = np.diff(np.append(starts, len(group)))
    return order, np.arange(len(group)) - np.repeat(starts, lengths)


def _batches(holdings: Holdings, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for part in holdings.parts[table]:
        with pq.ParquetFile(part.path) as file:
            yield from file.iter_batches(batch_size=_BATCH, columns=list(columns))


def _coded(column: pa.Array) -> tuple[list[str], np.ndarray]:
    """Distinct texts, and each row's place among them."""
    encoded = pc.fill_null(column, "").dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
