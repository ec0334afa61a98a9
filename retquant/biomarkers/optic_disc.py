"""Size and shape of disc, cup and rim, and where the fovea lies from them."""

from __future__ import annotations
