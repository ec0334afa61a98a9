"""What is wrong with a cohort rather than with an image: pictures under two names, swapped eyes, several of one eye.

It looks at columns of the tables of a run, never at pictures, and removes nothing.
"""

from __future__ import annotations

from retquant.hygiene.examine import Hygiene, examine, has_examined

__all__ = ["Hygiene", "examine", "has_examined"]
