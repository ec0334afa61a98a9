"""The course of the main temporal vessels about the disc-fovea axis."""

from __future__ import annotations
