"""Files of a person table for other programs: CSV, Stata, R, REGENIE and PLINK, each by the rules of its format.

REGENIE (Mbatchou et al., Nat Genet 2021;53:1097) and PLINK 2 (Chang et al., GigaScience 2015;4:7) read white-space
separated files whose first columns are FID and IID and in which NA is missing; neither names nor ids hold blanks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from retquant.association.export.person_table import PersonTable
from retquant.errors import AssociationError
from retquant.manifest.formulas import neutral_table

_STATA_NAME = 32  # characters
_STATA_LABEL = 80
_DIGITS = "%.9g"


def write_csv(table: PersonTable, folder: Path) -> list[Path]:
    """`people.csv`, and `columns.csv` that tells unit and definition of each column."""
    return [
        _put(folder / "people.csv", _csv(table.values.reset_index())),
        _put(folder / "columns.csv", _csv(_dictionary(table))),
    ]


def write_stata(table: PersonTable, folder: Path) -> list[Path]:
    """`people.dta` (Stata 14 and later) with definitions as variable labels; long names are cut, and told in a file."""
    frame = table.values.reset_index()
    names = _stata_names(list(frame.columns))
    definitions = _dictionary(table).set_index("column")
    labels = {
        names[column]: _stata_label(str(definitions["definition"].get(column, "")) or column)
        for column in frame.columns
    }
    frame = frame.rename(columns=names)
    for column in _texts(frame):
        frame[column] = frame[column].astype("string").fillna("").astype(object)
    path = folder / "people.dta"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    frame.to_stata(aside, write_index=False, variable_labels=labels, version=118)
    aside.replace(path)
    told = pd.DataFrame({"stata": list(names.values()), "column": list(names)}).merge(
        _dictionary(table), on="column", how="left"
    )
    return [path, _put(folder / "columns.csv", _csv(told))]


def write_r(table: PersonTable, folder: Path) -> list[Path]:
    """`people.csv` with `people.R`, which reads it with ids as text and units and definitions as attributes."""
    paths = write_csv(table, folder)
    lines = [
        "# Reads the table of people beside this file; units and definitions are attributes of its columns.",
        'people <- read.csv("people.csv", colClasses = c(participant_id = "character"), check.names = FALSE,',
        '                   na.strings = "", fileEncoding = "UTF-8")',
    ]
    for one in table.biomarkers:
        name = _r_text(one.name)
        lines.append(f'attr(people[[{name}]], "units") <- {_r_text(one.unit)}')
        lines.append(f'attr(people[[{name}]], "label") <- {_r_text(one.definition)}')
    return [*paths, _put(folder / "people.R", "\n".join(lines) + "\n")]


def write_regenie(table: PersonTable, folder: Path) -> list[Path]:
    """`phenotypes.txt` and, with covariates, `covariates.txt` for `--phenoFile` and `--covarFile`."""
    return _genetic(table, folder, first="FID")


def write_plink(table: PersonTable, folder: Path) -> list[Path]:
    """`phenotypes.txt` and, with covariates, `covariates.txt` for PLINK 2's `--pheno` and `--covar`."""
    return _genetic(table, folder, first="#FID")


FORMATS: Mapping[str, Callable[[PersonTable, Path], list[Path]]] = MappingProxyType(
    {"csv": write_csv, "stata": write_stata, "r": write_r, "regenie": write_regenie, "plink": write_plink}
)
"""Format -> what writes it into a folder and says which files it wrote."""


def _genetic(table: PersonTable, folder: Path, *, first: str) -> list[Path]:
    values = table.values
    if values.index.nlevels == 1:  # no other ids were given: family and person have the same
        text = values.index.astype(str)
        values = values.set_axis(pd.MultiIndex.from_arrays([text, text], names=["FID", "IID"]))
    for level in ("FID", "IID"):
        blank = [
            text
            for text in values.index.get_level_values(level).astype(str)
            if re.search(r"\s", text) or not text
        ]
        if blank:
            raise AssociationError(
                f"the id {blank[0]!r} holds a blank, and {len(blank) - 1} more do",
                where=f"{level}",
                remedy="give ids without blanks: --ids ids.csv with participant_id, FID, IID",
            )
    names = [one.name for one in table.biomarkers]
    paths = [_put(folder / "phenotypes.txt", _white(values[names], first))]
    if table.covariates:
        paths.append(_put(folder / "covariates.txt", _white(values[list(table.covariates)], first)))
    return paths


def _csv(frame: pd.DataFrame) -> str:
    """Text with commas that no spreadsheet takes for a formula."""
    return str(neutral_table(frame).to_csv(index=False, float_format=_DIGITS))


def _white(frame: pd.DataFrame, first: str) -> str:
    """White-space separated text; NA for missing, blanks within a text as underscores."""
    frame = frame.reset_index().rename(columns={"FID": first})
    frame.columns = pd.Index([re.sub(r"\s", "_", str(name)) for name in frame.columns])
    for column in _texts(frame):
        text = frame[column].astype("string").str.strip().str.replace(r"\s+", "_", regex=True)
        frame[column] = text.mask(text == "")
    return str(frame.to_csv(index=False, sep="\t", na_rep="NA", float_format=_DIGITS, lineterminator="\n"))


def _texts(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]


def _dictionary(table: PersonTable) -> pd.DataFrame:
    rows = [{"column": "participant_id", "unit": "", "definition": "Person."}]
    rows += [{"column": one.name, "unit": one.unit, "definition": one.definition} for one in table.biomarkers]
    rows += [{"column": name, "unit": "", "definition": "Covariate."} for name in table.covariates]
    return pd.DataFrame(rows)


def _stata_names(columns: list[str]) -> dict[str, str]:
    """Column -> a name of at most 32 letters, digits and underscores that no other column has."""
    names: dict[str, str] = {}
    for column in columns:
        plain = re.sub(r"\W", "_", column, flags=re.ASCII)
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        short, number = plain[:_STATA_NAME], 1
        while short.lower() in {name.lower() for name in names.values()}:
            number += 1
            short = f"{plain[: _STATA_NAME - len(str(number)) - 1]}_{number}"
        names[column] = short
    return names


def _stata_label(text: str) -> str:
    return text if len(text) <= _STATA_LABEL else text[: _STATA_LABEL - 1] + "…"


def _r_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'


def _put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    aside.write_text(text, encoding="utf-8", newline="\n")
    aside.replace(path)
    return path
