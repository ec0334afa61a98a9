"""How many failures a run bears before it stops, because something is plainly wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retquant.errors import ConfigError, RetquantError


class TooManyFailuresError(RetquantError, RuntimeError):
    """More images failed than the run was to bear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLimit:
    """A number of images, or a share of those that the run has to do."""

    images: int | None = None
    share: float | None = None  # 0 to 1

    @classmethod
    def parse(cls, text: str) -> FailureLimit:
        """From "20" or "5%".

        Raises
        ------
        ConfigError
            The text is neither.
        """
        try:
            limit = cls(share=float(text[:-1]) / 100) if text.endswith("%") else cls(images=int(text))
        except ValueError:
            limit = None
        if limit is None or (limit.images or 0) < 0 or not 0 <= (limit.share or 0.0) <= 1:
            raise ConfigError(
                f"{text!r} is no limit", where="--max-failures", remedy="--max-failures 20, or 5%"
            )
        return limit

    def check(self, failed: int, *, images: int, out: Path) -> None:
        """Stop when more than the limit failed, of `images` to do.

        Raises
        ------
        TooManyFailuresError
            The limit is exceeded.
        """
        most = self.images if self.images is not None else int((self.share or 0.0) * images)
        if failed > most:
            raise TooManyFailuresError(
                f"{failed} images failed, more than the {most} allowed by --max-failures",
                where=str(out),
                remedy=f"see the reasons with `retquant cohort status {out}`; what is done stays",
            )
