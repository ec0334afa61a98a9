"""What a worker does with each image of a cohort: all of it, or the part of it that is its own.

Where a cluster has workers with a device, reading and measuring happen on the others, and what travels between them
is small: the image one way, its field as packed bits, and the model's maps the other way, compressed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retquant.analysis import Opened
from retquant.cohort.keys import ModelUse
from retquant.cohort.lock import RefusedError
from retquant.cohort.stages import StageClock
from retquant.cohort.study import CohortSettings
from retquant.config import RunConfig
from retquant.errors import SegmentationError
from retquant.manifest.records import ImageRecord
from retquant.pipeline import measure_image, open_image, views_wanted
from retquant.segmentation.drawings import (
    Drawn,
    Draws,
    Model,
    NotDrawnError,
    draw_views,
    drawing_key,
    drawing_method,
)
from retquant.segmentation.models import models_in_use, wants_model
from retquant.segmentation.parcels import PackedImage, ParcelError, key_of, pack, unpack
from retquant.tables.rows import ImageRows

MAPS = "probabilities"
"""Folder of a run with the model's maps of each image."""

_SEGMENT_IT = "segment it: the same command without --stage measure, with --only-failed"


@dataclass(frozen=True, kw_only=True)
class CohortProcess:
    """Analyses an image, and makes rows and pictures of it."""

    config: RunConfig
    device: str = "auto"
    slabs: tuple[str, ...] = ()  # that the columns of the run's angiograms name
    overlays: bool = False
    masks: bool = False
    probabilities: bool = False
    store: bool = False  # keep the model's maps, from which the image can be measured again
    stored: Path | None = None  # folder of the run whose maps are measured; no model is asked then

    def __call__(self, record: ImageRecord) -> ImageRows:
        """The rows of one image."""
        opened = self.open(record)
        if self.stored is not None:
            return self._rows(opened, self._kept(opened, self.stored), {})
        model = Model(self.config.segmentation, device=self.device, keeps=self.store)
        return self._rows(opened, model, {}, model)

    def open(self, record: ImageRecord) -> Opened:
        """Read an image; the first part of three."""
        return open_image(record, self.config)

    def ask(self, opened: Opened) -> PackedImage | None:
        """What a model is to draw of it; None where it is to draw nothing."""
        if self.stored is not None:
            return None
        views = views_wanted(opened, self.config, slabs=self.slabs)
        key = drawing_key(opened.image, self.config.segmentation) if self.store else ""
        return PackedImage.of(opened.image, views, key=key) if views else None

    def draw(self, asked: Sequence[PackedImage]) -> list[bytes]:
        """The model's maps of several images; the second part, which wants a device."""
        images = [(each.unpacked(), each.views) for each in asked]
        drawings = draw_views(images, self.config.segmentation, device=self.device)
        return [pack(drawn, key=each.key) for each, drawn in zip(asked, drawings, strict=True)]

    def measure(self, opened: Opened, drawn: bytes | None) -> ImageRows:
        """The rows of an image, from its maps; the last part."""
        if self.stored is not None:
            return self._rows(opened, self._kept(opened, self.stored), {})
        if drawn is None:
            return self._rows(opened, Drawn({}, why=_SEGMENT_IT), {})
        files = {_place(opened.record): drawn} if self.store else {}
        return self._rows(opened, Drawn(unpack(drawn)[0], why=_SEGMENT_IT), files)

    def _rows(
        self, opened: Opened, draws: Draws, files: dict[str, bytes], model: Model | None = None
    ) -> ImageRows:
        from retquant.report.artifacts import pictures
        from retquant.tables.image_rows import to_rows

        analysis = measure_image(opened, self.config, draws, slabs=self.slabs)
        clock = StageClock()
        with clock.stage("pictures"):
            if model is not None and model.drawings:
                key = drawing_key(opened.image, self.config.segmentation)
                files = {_place(opened.record): pack(model.drawings, key=key)}
            files = files | pictures(
                opened.record.image_id,
                image=analysis.image,
                segmentation=analysis.segmentation,
                graphs=analysis.graphs,
                anatomy=analysis.anatomy,
                overlay=self.overlays,
                masks=self.masks,
                probabilities=self.probabilities,
            )
        return to_rows(
            analysis.inputs,
            analysis.biomarkers,
            quality=analysis.quality,
            artifacts=files,
            seconds={**analysis.seconds, **clock.seconds},
        )

    def _kept(self, opened: Opened, out: Path) -> Draws:
        """The maps that a run kept of an image.

        Raises
        ------
        NotDrawnError
            There are none, or they are of other pixels, another model or other settings of the segmentation.
        """
        if not views_wanted(opened, self.config, slabs=self.slabs):
            return Drawn({}, why=_SEGMENT_IT)
        path = out / _place(opened.record)
        try:
            drawings, key = unpack(path.read_bytes())
        except FileNotFoundError:
            raise NotDrawnError(
                "no probabilities of this image were stored", where=str(path), remedy=_SEGMENT_IT
            ) from None
        except ParcelError as error:
            raise NotDrawnError(error.problem, where=str(path), remedy=_SEGMENT_IT) from None
        if key != drawing_key(opened.image, self.config.segmentation):
            raise NotDrawnError(
                "the stored probabilities are of other pixels, another model or other settings of the segmentation",
                where=str(path),
                remedy=_SEGMENT_IT,
            )
        return Drawn(drawings, why=_SEGMENT_IT)


def doubt_of_maps(records: Sequence[ImageRecord], *, config: RunConfig, out: Path) -> str:
    """What speaks against measuring these images from stored maps: "" where all are there, by this model.

    That they are of the pixels that a file has now is seen when it is read.

    Raises
    ------
    RefusedError
        There are none at all: every image would fail.
    """
    methods: dict[str, str] = {}
    lacking = [record.image_id for record in records if _lacks_maps(record, config, out, methods)]
    if not lacking:
        return ""
    names = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
    problem = (
        f"{len(lacking)} of {len(records)} images have no stored probabilities of this model and these settings "
        f"({names})"
    )
    if len(lacking) == len(records):
        raise RefusedError(
            problem, where=str(out / MAPS), remedy="leave out --stage measure: they are segmented then"
        )
    return f"{problem} and will fail until they are segmented"


def _lacks_maps(record: ImageRecord, config: RunConfig, out: Path, methods: dict[str, str]) -> bool:
    modality, parts = record.modality, ("artery", "vein") if "av" in record.masks else ()
    try:
        if modality not in methods:
            methods[modality] = drawing_method(modality, config.segmentation)
        wanted = wants_model(modality, {*record.masks, *parts} - {"fov", "av"}, config.segmentation)
        if not wanted and len(record.slab_names) < 2:
            return False
        return not key_of(out / _place(record)).startswith(methods[modality])
    except SegmentationError:  # said of the image itself when its turn comes
        return False
    except OSError:
        return True


def model_uses(config: RunConfig, modalities: Collection[str]) -> list[ModelUse]:
    """The models that a run segments with; changing one measures again."""
    return [
        ModelUse(name=bundle.name, sha256=bundle.weights_sha256, licence_note=bundle.licence_note)
        for bundle in models_in_use(config.segmentation, modalities)
    ]


def with_devices(settings: CohortSettings, device: str) -> tuple[CohortSettings, str]:
    """Settings in which workers of their own segment only where `device` leaves that to them, and what they call it."""
    cluster = settings.cluster
    if cluster.devices is not None or cluster.scheduler is not None or cluster.workers == 0:
        return settings, device
    if device == "cpu":
        return replace(settings, cluster=replace(cluster, devices=())), device
    if device.startswith("cuda:"):  # whose worker sees no other
        chosen = (device.removeprefix("cuda:"),)
        return replace(settings, cluster=replace(cluster, devices=chosen)), "cuda"
    return settings, device


def _place(record: ImageRecord) -> str:
    return f"{MAPS}/{record.image_id}.arrow"
