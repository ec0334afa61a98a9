"""Digital OCTA eyes as a cohort's files: angiogram, masks and what is true of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from retquant.phantoms.angiogram import angiogram
from retquant.phantoms.cohort_files import (
    EyePlan,
    EyeRows,
    person_cells,
    save_masks,
    save_picture,
    save_record,
)
from retquant.phantoms.eye import EyeTraits
from retquant.phantoms.octa_retina import OctaTraits, octa_retina

MASKS = ("capillary", "large_vessel", "artery", "vein", "faz")
FIELD_MM = 3.0


def octa_traits(traits: EyeTraits) -> OctaTraits:
    """The same traits as OCTA shows them; nicking and the cup are not seen in it."""
    return OctaTraits(
        artery_calibre=traits.artery_calibre,
        vein_calibre=traits.vein_calibre,
        artery_tortuosity=traits.artery_tortuosity,
        vein_tortuosity=traits.vein_tortuosity,
        dropout=min(traits.dropout, 0.5),
        faz_enlargement=min(traits.avascular, 2.0),
    )


def write_angiogram(folder: Path, plan: EyePlan) -> EyeRows:
    """Draw one eye's OCTA field and write its files."""
    person, design = plan.person, plan.design
    side, traits = person.eyes[plan.number], octa_traits(person.traits[plan.number])
    seed = person.seed + plan.number
    retina = octa_retina(seed, field_mm=FIELD_MM, size=design.size, traits=traits, eye=side)
    picture = angiogram(retina, seed) if design.pictured else np.full(design.size, 128, dtype=np.uint8)
    save_picture(folder / plan.image, picture)
    masks = {}
    if plan.brings_masks:
        masks = save_masks(folder, plan.stem, {name: retina.coverage(name) for name in MASKS})
    fovea_row, fovea_col = retina.shape.fovea or (np.nan, np.nan)
    manifest: dict[str, Any] = {
        **person_cells(plan),
        "modality": "octa",
        "fov_mm": FIELD_MM,
        "fovea_x": round(fovea_col, 1),
        "fovea_y": round(fovea_row, 1),
        **{f"{name}_mask": masks.get(name, "") for name in MASKS},
    }
    truth = {"image": plan.image, **person.labels, **asdict(traits)}
    truth |= {name: round(value, 6) for name, value in retina.truth.items()}
    if design.records:
        save_record(folder, plan.stem, {**retina.record, "participant_id": person.participant_id})
    return EyeRows(manifest=manifest, truth=truth)
