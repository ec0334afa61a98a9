"""What a check says: whether something is right, what was found, and the line that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["fine", "note", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination."""

    about: str
    state: State  # a note slows a run down or limits it; a fault stops it or spoils its results
    said: str
    remedy: str = ""  # what to type


def fine(about: str, said: str) -> Finding:
    """All is well."""
    return Finding(about=about, state="fine", said=said)


def note(about: str, said: str, remedy: str = "") -> Finding:
    """A run works, and could do better."""
    return Finding(about=about, state="note", said=said, remedy=remedy)


def fault(about: str, said: str, remedy: str) -> Finding:
    """A run would fail, or its results could not be trusted."""
    return Finding(about=about, state="fault", said=said, remedy=remedy)
