"""Axes of the figures in a page: where a value lies in pixels, and which ticks a person would choose.

Figures are drawn as SVG by the page's template rather than as pictures by a plotting library, so that names
can be hovered, searched and printed in the page's own font, and hostile names are escaped with all other
text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear or logarithmic axis that maps values low..high to pixels start..end."""

    low: float
    high: float
    start: float  # pixels
    end: float
    is_log: bool = False  # then values are ratios, and low and high are positive

    def position(self, value: float) -> float:
        """Pixels of a value; values beyond the axis lie at its ends."""
        value = min(max(value, self.low), self.high)
        low, high = self._scaled(self.low), self._scaled(self.high)
        share = (self._scaled(value) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)

    def contains(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """(pixels, label) of about `count` round values."""
        values = (
            _ratio_ticks(self.low, self.high, count)
            if self.is_log
            else _round_ticks(self.low, self.high, count)
        )
        return [(self.position(value), _label(value)) for value in values]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_log else value


def axis_over(
    values: Iterable[float], *, start: float, end: float, include: float, is_log: bool = False
) -> Axis:
    """An axis that holds `values` and `include`, with a little room at both ends."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
    low, high = min([include, *finite]), max([include, *finite])
    if is_log:
        low, high = min(low, include / 1.1), max(high, include * 1.1)
        room = (high / low) ** 0.04
        return Axis(low=low / room, high=high * room, start=start, end=end, is_log=True)
    room = 0.04 * (high - low) or max(abs(include), 1.0)
    return Axis(low=low - room, high=high + room, start=start, end=end)


def _round_ticks(low: float, high: float, count: int) -> list[float]:
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    return [round(index * step, 12) for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _ratio_ticks(low: float, high: float, count: int) -> list[float]:
    """Odds ratios that readers know: powers of ten over a wide range, round steps over a narrow one."""
    for inner in ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [factor * 10.0**power for power in powers for factor in inner]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= count - 1:
            return ticks
    return _round_ticks(low, high, count)


def _label(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
