"""How good an image is: measures, score and grade."""

from __future__ import annotations

from retquant.quality.assess import Quality, assess

__all__ = ["Quality", "assess"]
