"""The ids of genotype files, which are often others than those of the pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from retquant.association.export.person_table import PersonTable
from retquant.errors import AssociationError


def read_ids(path: Path) -> pd.DataFrame:
    """A CSV with participant_id, IID and, where families have ids, FID; everything stays text.

    Raises
    ------
    AssociationError
        The file is not there, or is no table.
    """
    try:
        return pd.read_csv(path, dtype="string", encoding="utf-8-sig")
    except FileNotFoundError:
        raise AssociationError("there is no such file", where=str(path), remedy="check the path") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise AssociationError(
            f"this is not a readable table ({error})", where=str(path), remedy="save it as CSV in UTF-8"
        ) from error


def with_genetic_ids(table: PersonTable, ids: pd.DataFrame) -> PersonTable:
    """The table under the ids of genotype files, without the people who have none there.

    Raises
    ------
    AssociationError
        A column is missing, or two people share an id.
    """
    absent = [name for name in ("participant_id", "IID") if name not in ids.columns]
    if absent:
        raise AssociationError(
            f"there is no column {', '.join(absent)}",
            where="ids",
            remedy="name participant_id and IID (and FID)",
        )
    known = ids.dropna(subset=["participant_id", "IID"]).astype("string").set_index("participant_id")
    for column in (known.index.to_series(), known["IID"]):
        twice = column[column.duplicated()]
        if len(twice):
            raise AssociationError(
                f"{twice.iloc[0]!r} is there twice",
                where=f"ids, {column.name}",
                remedy="give every person one id",
            )
    values = table.values[table.values.index.isin(known.index)].copy()
    pairs = known.reindex(values.index)
    family = pairs["FID"] if "FID" in pairs.columns else pairs["IID"]
    values.index = pd.MultiIndex.from_arrays([family, pairs["IID"]], names=["FID", "IID"])
    return replace(table, values=values)
