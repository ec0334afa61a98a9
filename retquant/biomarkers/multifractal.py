"""How unevenly the vessel mask fills the plane: the generalised dimensions of order 0 to 5."""

from __future__ import annotations
