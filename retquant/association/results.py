"""What an analysis starts from: one row an image, from a run's folder or a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from retquant.errors import AssociationError, OutputError
from retquant.tables.reader import load_biomarkers, read_table

_GRADES = ("good", "usable", "reject")


@dataclass(frozen=True, eq=False, kw_only=True)
class Results:
    """Biomarkers, labels and covariates of a run."""

    images: pd.DataFrame  # one row an image; `.attrs` holds units and definitions
    source: str
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # biomarker -> reason -> images
    failed: int = 0  # images of the run that could not be measured
    grades: Mapping[str, int] = field(default_factory=dict)  # grade of quality -> images, best first


def read_results(results: Path | str | pd.DataFrame, *, gate: bool = False) -> Results:
    """Read a run's folder, or take a DataFrame as `load_biomarkers` returns it.

    With `gate` a folder's values of pictures that are not good enough for them are left out and count as missing
    with `low_quality`.

    Raises
    ------
    AssociationError
        The rows are not one an image.
    OutputError
        The folder holds no run.
    """
    if isinstance(results, pd.DataFrame):
        found = Results(
            images=results.reset_index(drop=True),
            source="a DataFrame",
            failed=results.attrs.get("failed", 0),
            grades=results.attrs.get("grades", {}),
        )
    else:
        images = load_biomarkers(results, gate=gate)
        reasons = _reasons(results)
        for name, count in images.attrs.get("gated", {}).items():
            reasons.setdefault(name, {})["low_quality"] = count
        # a plan hands the images on, one outcome after another
        images.attrs |= {"failed": _failed(results), "grades": _grades(results)}
        found = Results(
            images=images,
            source=str(results),
            missing=reasons,
            failed=images.attrs["failed"],
            grades=images.attrs["grades"],
        )
    if "image_id" not in found.images.columns:
        raise AssociationError(
            "there is no column image_id", where=found.source, remedy="pass what load_biomarkers returns"
        )
    repeated = found.images["image_id"].duplicated()
    if repeated.any():
        raise AssociationError(
            f"{int(repeated.sum())} rows repeat an image_id, as {found.images[repeated].image_id.iloc[0]!r}",
            where=found.source,
            remedy="pass one row an image, as load_biomarkers returns",
        )
    return found


def _failed(folder: Path | str) -> int:
    try:
        return int(read_table(folder, "failures", ["image_id"]).to_pandas()["image_id"].nunique())
    except OutputError:  # a run without failures may have no such table
        return 0


def _grades(folder: Path | str) -> dict[str, int]:
    try:
        grades = read_table(folder, "quality", ["grade"]).to_pandas()["grade"]
    except OutputError:  # of tables that were measured from masks alone
        return {}
    counts = grades.value_counts()
    return {grade: int(counts[grade]) for grade in _GRADES if grade in counts}


def _reasons(folder: Path | str) -> dict[str, dict[str, int]]:
    try:
        table = read_table(folder, "missing", ["biomarker", "reason"]).to_pandas()
    except OutputError:  # a run in which nothing was missing may have no such table
        return {}
    reasons: dict[str, dict[str, int]] = {}
    for (biomarker, reason), count in table.value_counts(["biomarker", "reason"]).items():
        reasons.setdefault(str(biomarker), {})[str(reason)] = int(count)
    return reasons
