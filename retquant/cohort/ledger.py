"""What is done: read from the output itself, so that it can never disagree with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from retquant.tables.commits import Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Images with a result or a failure, and the key under which they have it."""

    results: Mapping[str, str]  # image_id -> result key
    failures: Mapping[str, str]

    def key(self, image_id: str) -> str | None:
        """Key under which the image is done, or None where it is not."""
        return self.results.get(image_id) or self.failures.get(image_id)

    @property
    def images(self) -> frozenset[str]:
        """Every image that is done, one way or the other."""
        return frozenset(self.results) | frozenset(self.failures)


def ledger_of(holdings: Holdings) -> Ledger:
    """The ledger that the committed parts amount to."""
    failed = holdings.entries["is_failure"]
    return Ledger(
        results=_keys(holdings.entries.filter(pc.invert(failed))),
        failures=_keys(holdings.entries.filter(failed)),
    )


def _keys(entries: pa.Table) -> dict[str, str]:
    return dict(zip(entries["image_id"].to_pylist(), entries["result_key"].to_pylist(), strict=True))
