"""How numbers read in a report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SIGNIFICANT = 0.05  # false discovery rate below which a row is coloured


def number(value: Any, digits: int = 3) -> str:
    """A number with `digits` significant digits, a real minus sign, and a dash where there is none."""
    if value is None or not isinstance(value, (int, float)) or not math.isfinite(value):
        return "\N{EN DASH}"
    if value == 0:
        return "0"
    text = f"{value:#.{digits}g}".rstrip(".")  # trailing zeros stay: they say how exact a number is
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}\N{MULTIPLICATION SIGN}10{_superscript(int(exponent))}".replace(
            "-", "\N{MINUS SIGN}"
        )
    return text.replace("-", "\N{MINUS SIGN}")


def ratio(value: Any) -> str:
    """An odds ratio with two decimals, or with three digits where it is far from 1."""
    if value is None or not math.isfinite(value) or not 0.05 <= value < 100:
        return number(value)
    return f"{value:.2f}"


def exponential(value: Any) -> float:
    """The ratio of a log ratio; NaN where there is none."""
    return math.nan if value is None else math.exp(min(value, 700.0))


def share(value: Any) -> str:
    """A number about as large as 1, with three decimals."""
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else "\N{EN DASH}"


def p_value(value: Any) -> str:
    """A p- or q-value: three decimals, powers of ten below 0.001."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if value == 0:
        return "<10\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT THREE}\N{SUPERSCRIPT ZERO}\N{SUPERSCRIPT ZERO}"
    return f"{value:.3f}" if value >= 0.001 else number(value, 2)


def count(value: Any) -> str:
    """A whole number with thin spaces between thousands."""
    if value is None or value != value:  # NaN
        return "\N{EN DASH}"
    return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def tone(row: Mapping[Any, Any]) -> str:
    """`up` or `down` where the false discovery rate makes an effect noteworthy, else `none`."""
    q = row["q"]
    if not (q is not None and q < SIGNIFICANT):
        return "none"
    return "up" if row["effect"] > 0 else "down"


def _superscript(value: int) -> str:
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
