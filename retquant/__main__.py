"""`python -m retquant`."""

from __future__ import annotations

from retquant.cli import main

if __name__ == "__main__":
    main()
