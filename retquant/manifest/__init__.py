"""The manifest: a table with one row an image, read, checked and turned into records."""

from __future__ import annotations

from retquant.manifest.faults import Fault
from retquant.manifest.read import Manifest, read_manifest
from retquant.manifest.records import ImageRecord

__all__ = ["Fault", "ImageRecord", "Manifest", "read_manifest"]
