"""Where arteries and veins cross: how many, and how much the vein is nicked."""

from __future__ import annotations
