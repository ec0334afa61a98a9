"""The whole story of one image, top to bottom, and of a cohort: what the command line and the public API call.

read -> quality -> segment -> anatomy -> vessel graph -> biomarkers -> rows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from retquant.analysis import Analysis, Opened, Picture
from retquant.anatomy import Anatomy, locate
from retquant.anatomy.disc import find_disc
from retquant.anatomy.scale import nominal_pitch
from retquant.biomarkers import Biomarkers, MeasureInputs, measure, run_columns, select_columns
from retquant.biomarkers.each_slab import deeper_slabs, first_names, in_slabs, shared_targets
from retquant.biomarkers.slabs import slabs_in_use
from retquant.biomarkers.uncertainty import MIRRORS, with_standard_errors
from retquant.cohort.stages import StageClock
from retquant.config import RunConfig
from retquant.errors import ImageError, RetquantError
from retquant.images import RetinalImage, completed, read_record
from retquant.manifest.records import ImageRecord
from retquant.quality import Quality, assess
from retquant.segmentation.drawings import Draws, Model, View, segmented, views_of
from retquant.segmentation.given import read_masks
from retquant.segmentation.models import model_for
from retquant.segmentation.runtime import with_runtime
from retquant.segmentation.segmentation import Segmentation, TargetMask
from retquant.segmentation.single_area import with_single_areas
from retquant.vessels import VesselGraph, build_graphs
from retquant.vessels.consistency import consistent, is_refinable

if TYPE_CHECKING:
    import pandas as pd

    from retquant.cohort.run import CohortSettings, Progress, RunSummary
    from retquant.manifest import Manifest

GRAPHED = ("vessel", "artery", "vein", "large_vessel", "capillary")
"""Targets that are vessels and become graphs."""


def analyse(
    record: ImageRecord, config: RunConfig, *, device: str = "auto", slabs: Sequence[str] | None = None
) -> Analysis:
    """Read, segment and measure one image.

    Parameters
    ----------
    slabs : sequence of str, optional
        Slabs that the run's columns name, in their order; by default those that the record names.

    Raises
    ------
    ImageError
        The image or one of its masks cannot be used.
    ModelError
        The model is missing, damaged or for another modality.
    """
    opened = open_image(record, config)
    return measure_image(opened, config, Model(config.segmentation, device=device), slabs=slabs)


def open_image(record: ImageRecord, config: RunConfig) -> Opened:
    """Read an image with its masks and judge its quality; raises as `analyse` does."""
    clock = StageClock()
    with clock.stage("read"):
        image = read_record(record, settings=config.images)
        record = completed(record, image)
        image = replace(image, pitch_um=nominal_pitch(record, image))
        given = read_masks(record.masks, image.shape)
    with clock.stage("quality"):
        quality = assess(image)
    return Opened(record=record, image=image, given=given, quality=quality, seconds=clock.seconds)


def views_wanted(
    opened: Opened, config: RunConfig, *, slabs: Sequence[str] | None = None
) -> tuple[View, ...]:
    """What `measure_image` will ask a model to draw."""
    return views_of(
        opened.image,
        opened.given,
        config.segmentation,
        slabs=deeper_slabs(_columns(opened, config, slabs), opened.image),
        mirrors=MIRRORS if config.biomarkers.uncertainty else (),
    )


def measure_image(
    opened: Opened, config: RunConfig, draws: Draws, *, slabs: Sequence[str] | None = None
) -> Analysis:
    """Segment and measure an image, with maps that `draws` gives; raises as `analyse` does."""
    clock, image = StageClock(), opened.image
    with clock.stage("measure"):
        columns = _columns(opened, config, slabs)
    look = partial(_look, opened=opened, config=config, draws=draws, clock=clock)
    first = look(image, opened.given, first_names(columns, image), slab=None)

    def look_deeper(slab: RetinalImage, names: Sequence[str], name: str) -> Biomarkers:
        return look(slab, shared_targets(first.segmentation), names, slab=name).biomarkers

    can_draw = len(image.slab_names) > 1 and model_for(image.modality, config.segmentation) is not None
    return Analysis(
        record=opened.record,
        image=image,
        quality=opened.quality,
        segmentation=first.segmentation,
        anatomy=first.anatomy,
        graphs=first.graphs,
        inputs=first.inputs,
        biomarkers=in_slabs(columns, image, first.biomarkers, look_deeper if can_draw else None),
        seconds=MappingProxyType({**opened.seconds, **clock.seconds}),
    )


def _columns(opened: Opened, config: RunConfig, slabs: Sequence[str] | None) -> list[str]:
    return select_columns(
        config.biomarkers.include,
        modality=opened.image.modality,
        slabs=slabs_in_use([opened.record]) if slabs is None else slabs,
    )


def _look(
    image: RetinalImage,
    given: Mapping[str, TargetMask],
    columns: Sequence[str],
    *,
    slab: str | None,
    opened: Opened,
    config: RunConfig,
    draws: Draws,
    clock: StageClock,
) -> Picture:
    """Segment and measure one picture; `given` targets are taken as they are."""
    record, quality = opened.record, opened.quality
    with clock.stage("segment"):
        segmentation = segmented(image, given, config.segmentation, draws, view=View(slab=slab))
    with clock.stage("graph"):
        segmentation = consistent_labels(image, segmentation, config)
    with clock.stage("anatomy"):
        anatomy = _located(segmentation, record, image)
    with clock.stage("graph"):
        graphs = MappingProxyType(dict(_graphs(image, segmentation, anatomy, config)))
    with clock.stage("measure"):
        inputs = _inputs(image, quality, segmentation, anatomy, graphs)
        biomarkers: Biomarkers = measure(inputs, columns)
    if config.biomarkers.uncertainty:
        with clock.stage("uncertainty"):

            def again(seen: Segmentation, mirror: int | None) -> Biomarkers:
                where = _located(seen, record, image)
                drawn = _graphs(image, seen, where, config, mirror=mirror)
                return measure(_inputs(image, quality, seen, where, drawn), columns)

            def mirrored(axis: int) -> Segmentation:
                if set(segmentation.targets) <= set(given):
                    return segmentation
                view = View(slab=slab, mirror=axis)
                seen = segmented(image, given, config.segmentation, draws, view=view)
                return consistent_labels(image, seen, config)

            biomarkers = with_standard_errors(biomarkers, segmentation, again=again, mirrored=mirrored)
    return Picture(
        segmentation=segmentation, anatomy=anatomy, graphs=graphs, inputs=inputs, biomarkers=biomarkers
    )


def _located(segmentation: Segmentation, record: ImageRecord, image: RetinalImage) -> Anatomy:
    return locate(
        segmentation,
        record,
        field=image.field,
        fov=image.fov,
        modality=image.modality,
        file_um_per_px=image.um_per_px,
    )


def consistent_labels(image: RetinalImage, segmentation: Segmentation, config: RunConfig) -> Segmentation:
    """As a model's maps are measured: one disc, cup, avascular zone; arteries and veins consistent along vessels."""
    segmentation = with_single_areas(segmentation)
    if not config.vessels.consistent_arteries_and_veins or not is_refinable(segmentation.targets):
        return segmentation
    target = segmentation.get("disc")
    disc = find_disc(target, image.fov) if target is not None else None
    settings = config.vessels
    if image.modality == "octa":
        least = settings.angiogram_artery_vein_sureness
        settings = settings.model_copy(update={"artery_vein_sureness": least})
    changed = consistent(
        segmentation.targets,
        fov=image.fov,
        settings=settings,
        disc=None if disc is None else (disc.center, disc.radius_px),
    )
    return Segmentation(targets=MappingProxyType({**segmentation.targets, **changed}))


def _graphs(
    image: RetinalImage,
    segmentation: Segmentation,
    anatomy: Anatomy,
    config: RunConfig,
    *,
    mirror: int | None = None,
) -> dict[str, VesselGraph]:
    return build_graphs(
        {name: segmentation.targets[name] for name in GRAPHED if name in segmentation.targets},
        fov=image.fov,
        settings=config.vessels,
        disc_center=anatomy.disc.center if anatomy.disc else None,
        mirror=mirror,
    )


def _inputs(
    image: RetinalImage,
    quality: Quality,
    segmentation: Segmentation,
    anatomy: Anatomy,
    graphs: Mapping[str, VesselGraph],
) -> MeasureInputs:
    return MeasureInputs(
        modality=image.modality,
        fov=image.fov,
        field=image.field,
        segmentation=segmentation,
        anatomy=anatomy,
        graphs=graphs,
        quality=quality.measures,
        photograph=image.pixels,
    )


def quantify(
    images: Sequence[Path | str],
    *,
    config: RunConfig | None = None,
    device: str = "auto",
    report: Callable[[Analysis], None] | None = None,
    on_error: Callable[[Path, RetquantError], None] | None = None,
) -> pd.DataFrame:
    """Measure one or a few images without a manifest: one row an image, one column a biomarker.

    Units are in ``.attrs["units"]``; with the setting `uncertainty` each column has its standard error beside it,
    `<column>__se`. Micrometres need a scale, which only a manifest can give. `report` sees each
    analysis as it comes; with `on_error` an image that cannot be used is handed to it and left out.

    Raises
    ------
    ImageError
        An image cannot be used, and there is no `on_error`.
    """
    import pandas as pd

    from retquant.biomarkers import BIOMARKERS
    from retquant.tables.schemas import standard_error_name

    settings = config or RunConfig()
    rows: dict[str, dict[str, float | None]] = {}
    for number, path in enumerate(map(Path, images), start=1):
        record = ImageRecord(image_id=path.stem, image=path.expanduser().resolve(), row=number)
        try:
            analysis = analyse(record, settings, device=device)
        except ImageError as error:
            if on_error is None:
                raise
            on_error(path, error)
            continue
        if report is not None:
            report(analysis)
        row = rows[path.name if path.name not in rows else str(path)] = {}
        for name, value in analysis.biomarkers.items():
            row[name] = value.value
            if settings.biomarkers.uncertainty:
                row[standard_error_name(name)] = value.standard_error
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("image")
    table.attrs["units"] = {name: BIOMARKERS[name.removesuffix("__se")].unit for name in table.columns}
    return table


def run_cohort(
    manifest: Path | str | Manifest,
    out: Path | str | None = None,
    *,
    config: RunConfig | None = None,
    settings: CohortSettings | None = None,
    device: str = "auto",
    overlays: bool = False,
    masks: bool = False,
    probabilities: bool = False,
    store: bool = True,
    stage: Literal["all", "measure"] = "all",
    progress: Callable[[Progress], None] = lambda _: None,
) -> RunSummary:
    """Measure every image of a manifest that is not done yet, and write the tables of DIR.

    Parameters
    ----------
    out : path, optional
        Folder of the results; by default one beside the manifest, named after it.
    store : bool
        Keep what models draw, in `DIR/probabilities`, from which `stage="measure"` measures without a model.

    Raises
    ------
    ManifestError
        The manifest has faults; all are listed and nothing ran.
    RefusedError
        The folder is locked, holds another run, or a change has to be agreed to.
    OutputError
        The results cannot be written; what is committed stays.
    """
    from retquant.cohort.run import CohortSettings, Study, run
    from retquant.manifest import Manifest, read_manifest
    from retquant.worker import CohortProcess, doubt_of_maps, model_uses, with_devices

    cohort = manifest if isinstance(manifest, Manifest) else read_manifest(Path(manifest))
    chosen = with_runtime(config or RunConfig(), device)  # the record then tells it
    modalities = {record.modality for record in cohort.records}
    slabs = slabs_in_use(cohort.records)
    folder = default_folder(cohort.path) if out is None else Path(out)
    stored = folder.resolve() if stage == "measure" else None
    settings, device = with_devices(settings or CohortSettings(), device if stored is None else "cpu")
    study = Study(
        manifest=cohort.path,
        records=cohort.records,
        participants=cohort.participants,
        process=CohortProcess(
            config=chosen,
            device=device,
            slabs=slabs,
            overlays=overlays,
            masks=masks,
            probabilities=probabilities,
            store=store,
            stored=stored,
        ),
        doubt=None if stored is None else partial(doubt_of_maps, config=chosen, out=stored),
        columns=[
            # what no mask enters, the image's quality, has no error of the segmentation's
            replace(column, has_standard_error=bool(column.targets))
            if chosen.biomarkers.uncertainty
            else column
            for column in run_columns(chosen.biomarkers.include, modalities=modalities, slabs=slabs)
        ],
        config_digest=chosen.digest(),
        config_toml=chosen.as_toml(),
        models=model_uses(chosen, modalities),
    )
    return run(
        study,
        folder,
        settings=settings,
        progress=progress,
    )


def default_folder(manifest: Path) -> Path:
    """Where a manifest's results go unless told otherwise: beside it, named after it."""
    return manifest.with_suffix("")
