"""Image files in, retinal images and masks out."""

from __future__ import annotations

from retquant.images.field_of_view import find_field_of_view, fit_field
from retquant.images.masks import read_av_mask, read_target_mask
from retquant.images.read import completed, read_image, read_record
from retquant.images.retinal_image import Field, RetinalImage

__all__ = [
    "Field",
    "RetinalImage",
    "completed",
    "find_field_of_view",
    "fit_field",
    "read_av_mask",
    "read_image",
    "read_record",
    "read_target_mask",
]
