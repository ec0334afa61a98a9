"""Where a vessel is narrower than itself: focal narrowing, and length in calibres between branchings."""

from __future__ import annotations
