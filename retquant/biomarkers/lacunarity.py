"""How the gaps between vessels are distributed: gliding boxes, and distances to the nearest vessel."""

from __future__ import annotations
