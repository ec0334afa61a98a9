"""The pictures that a run may leave for each image: overlay, masks, probabilities."""

from __future__ import annotations

from collections.abc import Mapping

from retquant.anatomy.anatomy import Anatomy
from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.segmentation import Segmentation
from retquant.vessels.graph import VesselGraph


def pictures(
    image_id: str,
    *,
    image: RetinalImage,
    segmentation: Segmentation,
    graphs: Mapping[str, VesselGraph],
    anatomy: Anatomy,
    overlay: bool,
    masks: bool,
    probabilities: bool,
) -> dict[str, bytes]:
    """PNG files by their path under the run's folder.

    `overlays/<image_id>.png`; `masks/<image_id>/<target>.png`, 1-bit at the image's own size; and
    `masks/<image_id>/<target>_probability.png`, 8-bit beside it. Both kinds work again as mask columns of a manifest.
    """
    if not (overlay or masks or probabilities):
        return {}
    from retquant.report.overlay import draw_overlay, mask_png, overlay_png, probability_png

    files: dict[str, bytes] = {}
    if overlay:
        drawn = draw_overlay(image, segmentation, graphs, anatomy, caption=image_id)
        files[f"overlays/{image_id}.png"] = overlay_png(drawn)
    for name, target in segmentation.targets.items():
        if masks:
            files[f"masks/{image_id}/{name}.png"] = mask_png(target.mask)
        if probabilities:
            files[f"masks/{image_id}/{name}_probability.png"] = probability_png(target.probability)
    return files
