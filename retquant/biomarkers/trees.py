"""Order and shape of the vessel trees rooted at the disc."""

from __future__ import annotations
