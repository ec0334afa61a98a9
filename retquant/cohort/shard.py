"""Which images of a manifest one job of an array does: a person's all in one shard, whatever else there is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from retquant.errors import ConfigError
from retquant.manifest.records import ImageRecord

SHARDS = "shards"  # folder of the shards' runs within the run's own


@dataclass(frozen=True, slots=True)
class Shard:
    """One of so many parts of a manifest, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From "2/8".

        Raises
        ------
        ConfigError
            The text is no such thing.
        """
        number, _, count = text.partition("/")
        if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
            return cls(int(number), int(count))
        raise ConfigError(
            f"{text!r} is no shard", where="--shard", remedy="--shard 1/8 to --shard 8/8, one a job"
        )

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.number}-of-{self.count}"

    def holds(self, record: ImageRecord) -> bool:
        """Whether the image is this shard's: by its person, or by itself where the manifest names none."""
        owner = record.participant_id if record.participant_id is not None else record.image_id
        digest = hashlib.sha256(owner.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1


def shard_folders(out: Path) -> list[Path]:
    """Folders of the shards that were run and not yet taken over."""
    folders = (out / SHARDS).glob("*-of-*") if (out / SHARDS).is_dir() else iter(())
    return sorted(folder for folder in folders if folder.is_dir())
