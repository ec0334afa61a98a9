"""What noise of measurement costs an effect: the reliability of each biomarker, and the effect without its noise.

The variance of noise comes from repeat pictures of an eye, or from the two eyes of people. Classical error is assumed:
noise that does not depend on the true value, the outcome or the covariates, and comes anew with each measurement. It
makes an effect smaller by the share of the biomarker's variance, given the covariates, that is not noise (Carroll,
Ruppert, Stefanski and Crainiceanu, Measurement Error in Nonlinear Models 2006, §3.3; for odds and hazard ratios a close
approximation while effects are moderate: Rosner, Willett and Spiegelman, Statistics in Medicine 1989;8:1051).
Legend of shapes: n rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from retquant.association.covariates import Terms, build_design
from retquant.association.eyes import Rows
from retquant.association.reliability.pairs import Pairs, repeats, two_eyes

FEWEST = 30  # pairs that a variance of noise is taken from
LEAST_LEFT = 0.1  # share of an effect below which correcting it would multiply its uncertainty by over 10
_IDENTIFYING = ("image_id", "participant_id", "eye", "visit", "acquired_at")
_REACH = float(ndtri(0.975))

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "biomarker": "column of the biomarkers table",
        "design": "repeats of an eye, or the two eyes of a person",
        "pairs": "of measurements that the noise was taken from",
        "noise_sd": "standard deviation of the noise of one measurement, in the biomarker's unit",
        "reliability": "share of the variance of one row's value that is not noise",
        "reliability_low": "95 %",
        "reliability_high": "95 %",
        "left": "share of the effect that noise leaves, given the covariates",
        "effect": "as estimated, per standard deviation of the biomarker",
        "corrected": "without noise, per the same amount of the biomarker",
        "corrected_low": "95 %, with the uncertainty of the noise",
        "corrected_high": "95 %",
        "reason": "why there is no corrected effect",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Variance of one measurement's noise, from differences of two."""

    variance: float
    pairs: int

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the variance."""
        return self.pairs - 1


def noise_of(first: np.ndarray, second: np.ndarray) -> Noise | None:
    """Half the variance of the differences of two measurements (N,); None with too few pairs.

    A difference that all pairs share, as of right and left eyes, is no noise.
    """
    apart = (second - first)[np.isfinite(first) & np.isfinite(second)]
    if len(apart) < FEWEST:
        return None
    return Noise(variance=float(apart.var(ddof=1)) / 2, pairs=len(apart))


def left_of_effect(noise: Noise, variance: float, *, freedom: int) -> tuple[float, float]:
    """Share of an effect that noise leaves, and its standard error.

    `noise` is that of the modelled value; `variance` is the value's own, noise included, given the covariates, with
    `freedom` degrees of freedom. Both variances err as normal values make them.
    """
    if not variance > 0:
        return math.nan, math.nan
    lost = noise.variance / variance
    return 1 - lost, lost * math.sqrt(2 / noise.freedom + 2 / max(freedom, 1))


def measurement_errors(
    images: pd.DataFrame, rows: Rows, terms: Terms, table: pd.DataFrame, *, most: int, refusal: str = ""
) -> pd.DataFrame:
    """Reliability and corrected effect of the `most` biomarkers of least p of `table`; columns of COLUMNS.

    `images` are those of the study, a row an image. Repeat pictures are preferred to the two eyes, whose true
    difference would count as noise. With `refusal`, why the values of this analysis allow no correction, there is none.
    """
    best = table[table["p"].notna() & (table["role"] == "biomarker")].head(most)
    if refusal:
        told = best[["biomarker", "effect"]].assign(reason=refusal)
        return told.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    names = best["biomarker"].tolist()
    known = [name for name in _IDENTIFYING if name in images.columns]
    images = images[[*known, *names]]  # sorted and indexed below, which a thousand columns would make slow
    designs = [repeats(images, names), two_eyes(images, names)] if names else []
    records = [_record(row, place, designs, rows, terms) for place, row in enumerate(best.to_dict("records"))]
    return pd.DataFrame(records, columns=list(COLUMNS))


def _record(
    row: Mapping[Any, Any], place: int, designs: Sequence[Pairs], rows: Rows, terms: Terms
) -> dict[str, Any]:
    name = row["biomarker"]
    record: dict[str, Any] = {**dict.fromkeys(COLUMNS), "biomarker": name, "effect": row["effect"]}
    found = (
        (pairs.design, noise)
        for pairs in designs
        if (noise := noise_of(pairs.first[:, place], pairs.second[:, place])) is not None
    )
    design, single = next(found, ("", None))
    if single is None:
        return record | {"reason": f"fewer than {FEWEST} pairs of measurements"}
    values = rows.biomarkers[name].to_numpy(dtype=float)
    chosen = build_design(terms, np.isfinite(values))
    used, n = values[chosen.rows], len(chosen.rows)
    shares = 1 / _measurements(design, rows, name)[chosen.rows]
    noise = Noise(variance=single.variance * float(shares.mean()), pairs=single.pairs)
    reliability, error = left_of_effect(noise, float(used.var(ddof=1)), freedom=n - 1)
    rest = used - chosen.matrix @ np.linalg.lstsq(chosen.matrix, used, rcond=None)[0]
    freedom = n - chosen.matrix.shape[1]
    left, left_error = left_of_effect(noise, float(rest @ rest) / max(freedom, 1), freedom=freedom)
    record |= {
        "design": design,
        "pairs": single.pairs,
        "noise_sd": math.sqrt(single.variance),
        "reliability": reliability,
        "reliability_low": reliability - _REACH * error,
        "reliability_high": min(1.0, reliability + _REACH * error),
        "left": left,
    }
    if rows.level != "person" and design == "eyes":
        return record | {
            "reason": "the eyes of a person also differ in truth; repeat pictures would tell noise"
        }
    if not left >= LEAST_LEFT:
        return record | {"reason": "nearly all that the covariates leave of the biomarker is noise"}
    corrected = row["effect"] / left
    spread = math.hypot(row["standard_error"] / left, corrected * left_error / left)
    return record | {
        "corrected": corrected,
        "corrected_low": corrected - _REACH * spread,
        "corrected_high": corrected + _REACH * spread,
    }


def _measurements(design: str, rows: Rows, name: str) -> np.ndarray:
    """(n,) measurements whose mean a row's value is: eyes, or pictures where the noise is that of a picture."""
    eyes = rows.eyes[name].to_numpy(dtype=float)
    if design == "eyes":
        return np.maximum(eyes, 1.0)
    pictured = rows.eyes.max(axis=1).to_numpy(dtype=float)
    return np.maximum(rows.images * eyes / np.maximum(pictured, 1.0), 1.0)
