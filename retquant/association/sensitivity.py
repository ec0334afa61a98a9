"""What a result can bear: how strong a confounder would explain it away, and what the study could have found."""

from __future__ import annotations

import math

from scipy.special import ndtri

RARE = 0.15  # prevalence below which an odds ratio is nearly a risk ratio
_POWER = 0.8
DETECTABLE = float(
    ndtri(0.975) + ndtri(_POWER)
)  # standard errors of an effect found with 80 % power at p < 0.05


def e_value(ratio: float, kind: str, prevalence: float) -> float:
    """Risk ratio that an unmeasured confounder needs with biomarker and outcome, each, to explain `ratio` away.

    VanderWeele and Ding, Ann Intern Med 2017;167:268. Where the outcome is not rare an odds ratio is turned into a risk
    ratio by its square root, a hazard ratio by (1 - 0.5^√HR) / (1 - 0.5^√(1/HR)). NaN for other kinds.
    """
    if not (math.isfinite(ratio) and ratio > 0) or kind not in ("binary", "count", "survival"):
        return math.nan
    if kind != "count" and prevalence > RARE:
        if kind == "binary":
            ratio = math.sqrt(ratio)
        else:
            ratio = (1 - 0.5 ** math.sqrt(ratio)) / (1 - 0.5 ** math.sqrt(1 / ratio))
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_value_of_interval(low: float, high: float, kind: str, prevalence: float) -> float:
    """The same for the end of the interval nearer to 1; 1 where the interval holds 1."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan
    if low <= 1 <= high:
        return 1.0 if not math.isnan(e_value(1.0, kind, prevalence)) else math.nan
    return e_value(low if low > 1 else high, kind, prevalence)
