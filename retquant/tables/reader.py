"""Reading a run: one tidy table of people, eyes and biomarkers, with units."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retquant.errors import OutputError
from retquant.tables.eyes import one_row_a_person
from retquant.tables.fitness import quality_columns, without_unfit
from retquant.tables.modalities import of_one_modality
from retquant.tables.parts import read_file, readable_files

Eyes = Literal["both", "mean", "right", "random", "worse"]

_TRIES = 5  # a run that compacts its parts may move files between listing and reading


def load_biomarkers(
    path: str | Path,
    columns: Sequence[str] | None = None,
    *,
    eyes: Eyes = "both",
    join: pd.DataFrame | str | Path | None = None,
    gate: bool = False,
) -> pd.DataFrame:
    """Biomarkers of a run with the labels and covariates of its manifest, in its order, as a DataFrame.

    Parameters
    ----------
    path : str or Path
        The run's folder.
    columns : sequence of str, optional
        Biomarkers to load; all by default.
    eyes : str
        "both": a row an image. Otherwise a row a person (and visit, where the manifest has visits): the
        "mean" of the eyes, the "right" eye, one drawn at "random" (always the same of a person), or the
        "worse" eye for each biomarker; those of which neither end is bad are then left out and named in
        `.attrs["without_direction"]`. Several images of an eye are averaged first; of the few biomarkers that
        photographs and angiograms both have, photographs' values alone, and `.attrs["of_photographs"]` names
        them.
    join : DataFrame or path, optional
        More columns (CSV or Parquet when a path), matched on `image_id` where they have it, else on
        `participant_id`.
    gate : bool
        Leave out values of pictures whose quality is below what the biomarker needs (`retquant biomarkers show
        NAME` says what); `.attrs["gated"]` tells how many of each. Gates were fitted on photographs: values of
        angiograms stay.

    Returns
    -------
    DataFrame
        `.attrs["units"]` and `.attrs["definitions"]` say what each biomarker is, `.attrs["directions"]` which of its
        ends is bad.

    Raises
    ------
    OutputError
        There is no run in the folder, or no such column.
    """
    out = Path(path)
    schema = _schema(out, "biomarkers")
    names = _chosen(out, schema, columns)
    asked = [name for name in quality_columns() if name in schema.names] if gate else []
    people, values = _side_by_side(
        read_table(out, "participants"),
        read_table(out, "biomarkers", list(dict.fromkeys(["image_id", *names, *asked]))),
        out=out,
    )
    taken: dict[str, int] = {}
    measured = values[names]
    if gate:
        ids = {name: _text(schema.field(name), "definition_id") for name in names}
        measured, taken = without_unfit(
            measured, values[asked], definitions=ids, names=names, modalities=_modalities(people)
        )
    table = pd.concat([_without_clashes(people, names), measured], axis=1)
    if join is not None:
        table = _joined(table, join)
    directions = {name: _text(schema.field(name), "direction") for name in names}
    of_photographs: list[str] = []
    if eyes != "both":
        table, of_photographs = of_one_modality(table, names)
        table = one_row_a_person(table, biomarkers=names, eyes=eyes, directions=directions)
    kept = [name for name in names if name in table]
    table.attrs["units"] = {name: _text(schema.field(name), "unit") for name in kept}
    table.attrs["directions"] = {name: directions[name] for name in kept}
    table.attrs["definitions"] = {name: _text(schema.field(name), "definition") for name in kept}
    if gate:
        table.attrs["gated"] = taken
    if of_photographs:
        table.attrs["of_photographs"] = of_photographs
    if left_out := [name for name in names if name not in table]:
        table.attrs["without_direction"] = left_out
    return table


def _modalities(people: pd.DataFrame) -> np.ndarray:
    """(n,) str: what kind of picture each image is; runs that do not say are of photographs."""
    return np.asarray(people["modality"]) if "modality" in people else np.full(len(people), "cfp")


def _side_by_side(people: pa.Table, values: pa.Table, *, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the images that both have, in the order of the first; Arrow matches a million names in 0.3 s.

    Raises
    ------
    OutputError
        A table has an image twice.
    """
    known = values["image_id"].combine_chunks().cast(people["image_id"].type)
    found = pc.index_in(people["image_id"], value_set=known)
    shared = pc.is_valid(found)
    places = found.filter(shared).to_numpy()
    twice = "participants" if len(places) and np.bincount(places).max() > 1 else ""
    if len(places) < len(values) and len(known.unique()) < len(known):
        twice = "biomarkers"
    if twice:
        raise OutputError(
            f"the table {twice!r} has an image twice",
            where=str(out),
            remedy="give the run's command again, which puts its folder in order",
        )
    return _frame(people.filter(shared)), _frame(values.combine_chunks().take(pa.array(places)))


def read_table(path: str | Path, table: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of a run, each row once also while the run compacts its parts.

    Raises
    ------
    OutputError
        There is no such table in the folder.
    """
    out = Path(path)
    for attempt in range(_TRIES):
        files = readable_files(out, table)
        if not files:
            raise OutputError(
                f"there is no table {table!r}",
                where=str(out),
                remedy="give the folder that `retquant cohort run` wrote",
            )
        try:
            parts = [read_file(file, None if columns is None else list(columns)) for file in files]
        except FileNotFoundError:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.1)
            continue
        return pa.concat_tables(parts)
    raise AssertionError("unreachable")


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return frame


def _schema(out: Path, table: str) -> pa.Schema:
    files = readable_files(out, table)
    if not files:
        raise OutputError(
            "there is no run here", where=str(out), remedy="give the folder that `retquant cohort run` wrote"
        )
    return pq.read_schema(files[0])


def _chosen(out: Path, schema: pa.Schema, columns: Sequence[str] | None) -> list[str]:
    have = [name for name in schema.names if name not in ("image_id", "result_key")]
    if columns is None:
        return have
    if unknown := [name for name in columns if name not in have]:
        raise OutputError(
            f"there are no biomarkers {unknown}",
            where=str(out / "biomarkers"),
            remedy="retquant biomarkers list",
        )
    return list(dict.fromkeys(columns))


def _without_clashes(people: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Covariates that happen to be called like a biomarker give way as `<name>_manifest`."""
    return people.rename(columns={name: f"{name}_manifest" for name in people.columns if name in set(names)})


def _joined(table: pd.DataFrame, join: pd.DataFrame | str | Path) -> pd.DataFrame:
    labels = join if isinstance(join, pd.DataFrame) else _read_labels(Path(join))
    on = next(
        (key for key in ("image_id", "participant_id") if key in labels.columns and key in table.columns),
        None,
    )
    if on is None:
        raise OutputError(
            "the labels have neither image_id nor participant_id",
            where=str(join) if isinstance(join, (str, Path)) else "join",
            remedy="add the column by which they belong to images or people",
        )
    labels = labels.assign(**{on: labels[on].astype(table[on].dtype)})
    replaced = [name for name in labels.columns if name in table.columns and name != on]
    return table.drop(columns=replaced).merge(labels, on=on, how="left", validate="many_to_one")


def _read_labels(path: Path) -> pd.DataFrame:
    ids: Mapping[str, str] = {"image_id": "str", "participant_id": "str"}
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=ids)


def _text(field: pa.Field, key: str) -> str:
    return (field.metadata or {}).get(key.encode(), b"").decode()
