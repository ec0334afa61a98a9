"""Picture quality before segmentation: measured, graded, and gating nothing."""

from __future__ import annotations

from retquant.quality.assess import assess
from retquant.quality.quality import Quality

__all__ = ["Quality", "assess"]
