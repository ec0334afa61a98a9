"""Which columns of a table are biomarkers, and what is known of them, and whether they count as tests."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from retquant.errors import AssociationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A biomarker that is to be tested."""

    name: str
    unit: str = ""
    definition: str = ""
    derived_from: str = ""  # the biomarker that determines it: reported, not counted among the tests
    is_bound: bool = False  # it or the outcome is computed from the other
    direction: str = ""  # higher_is_better, higher_is_worse or neither; empty where unknown

    @property
    def role(self) -> str:
        """`biomarker` counts among the tests; `derived`, and `quality` of the picture, do not."""
        if self.name.startswith("quality_"):
            return "quality"
        return "derived" if self.derived_from else "biomarker"


def choose_biomarkers(
    images: pd.DataFrame, globs: Sequence[str], *, leave_out: Sequence[str] = (), outcome: str = ""
) -> list[Tested]:
    """The biomarker columns of `images` whose name matches one of `globs`, in the table's order.

    A column is a biomarker if the registry has it or the table gives it a unit (`.attrs["units"]`). Those in
    `leave_out` have another part in the analysis; `outcome` tells which others hang on it by definition.

    Raises
    ------
    AssociationError
        The table holds no biomarker, or none has such a name.
    """
    from retquant.biomarkers.slabs import find_column

    units: Mapping[str, str] = images.attrs.get("units", {})
    derived: Mapping[str, str] = images.attrs.get("derived_from", {})
    definitions: Mapping[str, str] = images.attrs.get("definitions", {})
    directions: Mapping[str, str] = images.attrs.get("directions", {})
    numeric = [
        str(c)
        for c, kind in images.dtypes.items()  # a column taken out would be given a copy of all attributes
        if pd.api.types.is_numeric_dtype(kind) and not str(c).endswith("__se")
    ]
    known = [
        name for name in numeric if (name in units or find_column(name) is not None) and name not in leave_out
    ]
    if not known:
        raise AssociationError(
            "no column is a known biomarker and none has a unit in .attrs['units']",
            where="results",
            remedy="pass the output folder of a cohort run, or set images.attrs['units'] = {column: unit}",
        )
    chosen = [name for name in known if any(fnmatch.fnmatchcase(name, glob) for glob in globs)]
    if not chosen:
        taken = [name for name in leave_out if any(fnmatch.fnmatchcase(name, glob) for glob in globs)]
        if set(taken) & set(numeric):
            raise AssociationError(
                f"all that is asked for is outcome, covariate or group already: {', '.join(taken)}",
                where="biomarkers",
                remedy=f"the others are {', '.join(known[:8])}{' …' if len(known) > 8 else ''}",
            )
        raise AssociationError(
            f"no biomarker matches {', '.join(globs)}",
            where="biomarkers",
            remedy=f"the table has {', '.join(known[:8])}{' …' if len(known) > 8 else ''}",
        )
    columns = {name: find_column(name) for name in chosen}
    source = str(derived.get(outcome, getattr(find_column(outcome), "derived_from", None)) or "")
    return [
        Tested(
            name=name,
            unit=str(units.get(name, getattr(column, "unit", ""))),
            definition=str(definitions.get(name, getattr(column, "definition", ""))),
            derived_from=str(derived.get(name, getattr(column, "derived_from", None)) or ""),
            is_bound=bool(outcome)
            and (name == source or outcome == derived.get(name, getattr(column, "derived_from", None))),
            direction=str(directions.get(name, getattr(column, "direction", ""))),
        )
        for name, column in columns.items()
    ]


def is_biomarker(images: pd.DataFrame, name: str) -> bool:
    """Whether a column is a biomarker, though it may have another part in an analysis."""
    from retquant.biomarkers.slabs import find_column

    return name in images.columns and (name in images.attrs.get("units", {}) or find_column(name) is not None)
