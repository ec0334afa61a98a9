"""How much of a biomarker's spread is noise: within-eye against between-eye standard deviation, over a run."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from retquant.errors import OutputError
from retquant.tables.reader import load_biomarkers
from retquant.tables.schemas import standard_error_name

FEWEST_REPEATS = 10
"""Images beyond the first of their eye, over all eyes, from which repeats tell more than standard errors."""

FEWEST_EYES = 3


def noise_ratio(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Within-eye over between-eye standard deviation of each biomarker of a run: lambda of measurement error.

    Within an eye it is the pooled standard deviation of several images of the same eye at the same visit (ten such
    images beyond the first are needed), which holds all that varies between two photographs; else the root mean square
    of the standard errors of a run with the setting `uncertainty`, which holds what the segmentation alone does and is
    a lower bound. Between eyes it is that of the eyes' means after the within-eye variance is taken off; where nothing
    is left the ratio is infinite. 1 / (1 + ratio^2) is the reliability of one image's value.

    Parameters
    ----------
    path : str or Path
        The run's folder.
    columns : sequence of str, optional
        Biomarkers; all by default.

    Returns
    -------
    DataFrame
        A row a biomarker, which is the index: `within_sd`, `between_sd` (in the biomarker's unit), `noise_ratio`,
        `source` ("repeats", "standard_errors" or ""), `eyes`. NaN with fewer than three eyes, or without a source.

    Raises
    ------
    OutputError
        There is no run in the folder, no such column, or nothing in it tells noise from difference.
    """
    out = Path(path)
    table = load_biomarkers(out)
    every = [name for name in table.attrs["units"] if not name.endswith("__se")]
    names = every if columns is None else list(dict.fromkeys(columns))
    if unknown := [name for name in names if name not in every]:
        raise OutputError(
            f"there are no biomarkers {unknown}", where=str(out), remedy="retquant biomarkers list"
        )
    # without the setting, `__se` is how well a line fits, which is no error of the eye's value
    perturbed = _is_perturbed(out)
    eye = _eyes(table)
    rows = [
        _row(table[name], table.get(standard_error_name(name)) if perturbed else None, eye) for name in names
    ]
    found = pd.DataFrame(rows, index=pd.Index(names, name="biomarker"))
    if not (found["source"] != "").any():
        raise OutputError(
            "neither several images of the same eyes nor standard errors tell what is noise",
            where=str(out),
            remedy="run with --uncertainty, or give participant_id and eye of repeated images",
        )
    return found


def _is_perturbed(out: Path) -> bool:
    """Whether the run measured its standard errors by perturbing the segmentation."""
    try:
        settings = tomllib.loads((out / "config.toml").read_text(encoding="utf-8"))
    except (FileNotFoundError, tomllib.TOMLDecodeError):
        return False
    return bool(settings.get("biomarkers", {}).get("uncertainty", False))


def _eyes(table: pd.DataFrame) -> pd.Series:
    """The eye, at a visit, that each image is of; an image of nobody known is an eye of its own."""
    known = [name for name in ("participant_id", "eye") if name in table]
    own = "image " + table["image_id"].astype(str)
    if len(known) < 2:
        return own
    person = table["participant_id"].astype(str) + " " + table["eye"].astype(str)
    for name in ("visit", "acquired_at"):
        if name in table:
            person = person + " " + table[name].astype(str)
            break
    return person.where(table[known].notna().all(axis=1), own)


def _row(value: pd.Series, error: pd.Series | None, eye: pd.Series) -> dict[str, object]:
    groups = value.groupby(eye)
    mean, count = groups.mean().dropna(), groups.count()
    count = count[count > 0]
    repeats = int((count - 1).sum())
    within, source = np.nan, ""
    if repeats >= FEWEST_REPEATS:
        rest = (value - groups.transform("mean")).dropna()
        within, source = float(np.sqrt((rest**2).sum() / repeats)), "repeats"
    elif error is not None and error.notna().any():
        within, source = float(np.sqrt(np.mean(error.dropna() ** 2))), "standard_errors"
    between = ratio = np.nan
    if source and len(mean) >= FEWEST_EYES:
        between = float(np.sqrt(max(mean.var(ddof=1) - within**2 * (1 / count).mean(), 0.0)))
        ratio = within / between if between else (np.inf if within else np.nan)
    return {
        "within_sd": within,
        "between_sd": between,
        "noise_ratio": ratio,
        "source": source,
        "eyes": len(mean),
    }
