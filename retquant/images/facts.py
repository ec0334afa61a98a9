"""What an image's file tells of its own making, beside the picture; the manifest's word goes first in all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Facts from a file's header, None where it does not tell them or cannot be believed. Never who the person is."""

    um_per_px: float | None = None  # of retina
    fov_deg: float | None = None  # the field's diameter
    eye: str | None = None  # "OD" or "OS"
    device: str | None = None  # maker and model
    acquired_at: str | None = None  # ISO date, or date and time
    modality: str | None = None  # "cfp" or "octa", where the kind of file leaves no doubt
    remarks: tuple[str, ...] = ()  # sentences for the quality notes


NO_FACTS = FileFacts()
