"""Lengths of time as people say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """In its two largest units: 3 d 4 h, 2 h 5 min, 3 min 10 s, 4.2 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
