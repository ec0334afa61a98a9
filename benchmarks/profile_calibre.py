"""How wide vessels are by the photograph itself: against what was rendered, and against what people drew.

    python -m benchmarks.profile_calibre --data DIR [--eyes N] [--json FILE] [--markdown FILE]

DIR holds `DRIVE`, `CHASE_DB1`, `HRF_half` and `FIVES`. Of each set the first N pictures are taken (of DRIVE's
training part). Digital eyes tell the bias, since what they show is known; of real ones nobody knows how wide a vessel
is, only how wide it was drawn. The shipped model's probabilities, cut at .3, .5 and .7, tell how far either calibre
follows the mask. All comparisons are by segment, between the same places on the centre line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from scipy.spatial import cKDTree

from retquant.config import ImageSettings, RunConfig, VesselSettings
from retquant.images import RetinalImage, read_image, read_target_mask
from retquant.phantoms import Eye, PhotographStyle, photograph, simple_eye
from retquant.segmentation.segmentation import TargetMask
from retquant.vessels import VesselGraph, build_graphs
from retquant.vessels.packing import owner
from retquant.vessels.profile import profile_calibres

SETS = {  # photographs, their drawn vessels and fields of view; not the part of DRIVE on which models are judged
    "DRIVE (training)": (
        "DRIVE/training/images/*.tif",
        "../1st_manual/{number}_*",
        "../mask/{number}_*",
    ),
    "CHASE_DB1": ("CHASE_DB1/*.jpg", "{stem}_1stHO.png", ""),
    "HRF (half)": ("HRF_half/images/*.jpg", "../av/{stem}.png", "../fov/{stem}.png"),
    "FIVES": ("FIVES/images/*.jpg", "../vessels/{stem}.png", ""),
}
BLURS_PX = (0.0, 0.5, 1.0, 1.5, 2.0)
SEEDS = (11, 12, 13)
THINNEST_PX = 3.0
CUTS = (0.3, 0.5, 0.7)
NEAR_PX = 2.0  # centre lines of one vessel from two masks
FEWEST = 10  # points of a segment where both calibres are known


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One mask of one picture, measured both ways."""

    graph: VesselGraph  # with the mask's calibre
    profile: np.ndarray  # (P,) pixels
    seconds: float  # what the profiles took


def seen(probability: np.ndarray, image: RetinalImage, *, is_hard: bool) -> Seen:
    """All vessels of a mask in a picture."""
    target = TargetMask(probability=probability, source="manifest", is_hard=is_hard)
    graphs = build_graphs({"vessel": target}, fov=image.fov, settings=VesselSettings())
    begun = time.process_time()
    profile = profile_calibres(graphs, image.pixels[..., 1], fov=image.fov, occupied=target.mask)
    return Seen(graphs["vessel"], profile["vessel"], time.process_time() - begun)


def by_segment(graph: VesselGraph, *values: np.ndarray) -> np.ndarray:
    """(B, V) median of each segment over the points where all values are known; NaN below `FEWEST`."""
    known = np.isfinite(np.column_stack(values)).all(axis=1)
    which = owner(graph.starts)
    rows = np.full((len(graph), len(values)), np.nan)
    for segment in np.flatnonzero(np.bincount(which[known], minlength=len(graph)) >= FEWEST):
        held = known & (which == segment)
        rows[segment] = [np.median(value[held]) for value in values]
    return rows


def at_same_place(graph: VesselGraph, other: Seen) -> tuple[np.ndarray, np.ndarray]:
    """(P,) pixels each: mask's and photograph's calibre of another graph where it runs along this one."""
    if not len(other.graph.points):
        return np.full(len(graph.points), np.nan), np.full(len(graph.points), np.nan)
    away, nearest = cKDTree(other.graph.points).query(graph.points, distance_upper_bound=NEAR_PX)
    is_same = np.isfinite(away)
    nearest = np.where(is_same, nearest, 0)
    along = np.abs((graph.tangent * other.graph.tangent[nearest]).sum(axis=1)) > 0.9
    return tuple(  # type: ignore[return-value]
        np.where(is_same & along, value[nearest], np.nan) for value in (other.graph.calibre, other.profile)
    )


def rendered(eye: Eye, blur_px: float, seed: int) -> RetinalImage:
    """A digital eye's photograph under a blur of so many pixels (standard deviation)."""
    style = replace(PhotographStyle.drawn(seed), blur_mm=blur_px * eye.shape.um_per_px / 1000)
    fov = eye.coverage("fov") >= 0.5
    return RetinalImage(
        pixels=photograph(eye, seed, style=style),
        fov=fov,
        field=None,  # type: ignore[arg-type]
        modality="cfp",
        eye=None,
    )


def digital(seeds: tuple[int, ...] = SEEDS) -> list[dict[str, float | str]]:
    """For each blur and structure: bias and spread of the photograph's calibre, over segments of `THINNEST_PX`."""
    rows: list[dict[str, float | str]] = []
    found: dict[tuple[float, str], list[np.ndarray]] = {}
    for seed in seeds:
        eye = simple_eye(seed)
        structures = ("vessel", "artery", "vein")
        targets = {
            name: TargetMask(
                probability=np.rint(255 * eye.coverage(name)).astype(np.uint8), source="manifest"
            )
            for name in structures
        }
        fov = eye.coverage("fov") >= 0.5
        graphs = build_graphs(targets, fov=fov, settings=VesselSettings())
        tubes = [tube for kind in ("artery", "vein") for tube in eye.shape.tubes[kind]]
        place = cKDTree(np.concatenate([tube.points for tube in tubes]))
        width = np.concatenate([2 * tube.radii for tube in tubes])
        for blur in BLURS_PX:
            image = rendered(eye, blur, seed)
            profiles = profile_calibres(
                graphs, image.pixels[..., 1], fov=fov, occupied=targets["vessel"].mask
            )
            for name in structures:
                true = width[place.query(graphs[name].points)[1]]
                pairs = by_segment(graphs[name], profiles[name], true)
                found.setdefault((blur, name), []).append(pairs)
    for (blur, name), parts in sorted(found.items(), key=lambda item: item[0]):
        measured, true = np.concatenate(parts).T
        wide = np.isfinite(measured) & (true >= THINNEST_PX)
        error = measured[wide] / true[wide] - 1
        rows.append({"blur_px": blur, "structure": name, **_spread(error), "n": int(wide.sum())})
    return rows


def _spread(error: np.ndarray) -> dict[str, float]:
    """Median, and the standard deviation that half the interquartile range stands for, outliers being few and far."""
    low, middle, high = np.percentile(error, [25, 50, 75])
    return {"median": float(middle), "sd": float((high - low) / 1.349)}


def pictures(data: Path, name: str, count: int) -> Iterator[tuple[str, RetinalImage, np.ndarray]]:
    """Name, photograph and drawn vessels (H, W) uint8 of the first pictures of a set."""
    where, drawn, field = SETS[name]
    for path in islice(sorted(data.glob(where)), count):
        words = {"stem": path.stem, "number": path.name.split("_")[0]}
        mask, fov = (
            next(path.parent.glob(pattern.format(**words))) if pattern else None for pattern in (drawn, field)
        )
        assert mask is not None
        image = read_image(path, modality="cfp", eye=None, fov_mask=fov, settings=ImageSettings())
        if "/av/" in str(mask):
            codes = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
            vessels = np.where(codes > 0, np.uint8(255), np.uint8(0))
        else:
            vessels = read_target_mask(mask, image.shape)[0]
        yield path.stem, image, vessels


def cut_at(probability: np.ndarray, threshold: float) -> np.ndarray:
    """(H, W) uint8: the same map with its edge where it was `threshold`, at one half now."""
    odds = np.arange(256) / np.maximum(255 - np.arange(256), 1e-9) * (1 - threshold) / threshold
    return np.asarray(np.rint(255 * odds / (1 + odds)).astype(np.uint8)[probability])


def drawn_sets(data: Path, count: int) -> dict[str, dict[str, dict[str, float]]]:
    """Set -> question -> median and spread over segments, as shares."""
    from retquant.segmentation.segmenter import load_segmenter

    settings = RunConfig().segmentation
    segment = load_segmenter(settings.model, device="cpu", precision=settings.precision)
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for name in SETS:
        shares: dict[str, list[np.ndarray]] = {}
        for _, image, vessels in pictures(data, name, count):
            by_hand = seen(vessels, image, is_hard=True)
            probability = segment(image).targets["vessel"].probability
            by_model = {cut: seen(cut_at(probability, cut), image, is_hard=False) for cut in CUTS}
            for question, share in compared(by_hand, by_model).items():
                shares.setdefault(question, []).append(share[np.isfinite(share)])
        tables[name] = {
            question: _spread(np.concatenate(parts)) | {"n": sum(map(len, parts))}
            for question, parts in shares.items()
        }
        print(name, json.dumps(tables[name]), flush=True)
    return tables


def compared(by_hand: Seen, by_model: Mapping[float, Seen]) -> dict[str, np.ndarray]:
    """Question -> (B,) shares by which one calibre exceeds another."""
    low, middle, high = (by_model[cut] for cut in CUTS)

    def excess(graph: VesselGraph, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        first, second = by_segment(graph, one, other).T
        return np.asarray(first / second - 1)

    hand = by_hand.graph
    mask_at, profile_at = at_same_place(hand, middle)
    moved = {cut: at_same_place(middle.graph, by_model[cut]) for cut in (CUTS[0], CUTS[2])}
    mask_moved = excess(middle.graph, moved[CUTS[0]][0], moved[CUTS[2]][0])
    profile_moved = excess(middle.graph, moved[CUTS[0]][1], moved[CUTS[2]][1])
    return {
        "photograph over drawn": excess(hand, by_hand.profile, hand.calibre),
        "model's mask over drawn": excess(hand, mask_at, hand.calibre),
        "photograph by model's mask over by drawn mask": excess(hand, profile_at, by_hand.profile),
        "mask, cut at .3 over cut at .7": mask_moved,
        "photograph, cut at .3 over cut at .7": profile_moved,
        "size of the mask's move": np.abs(mask_moved),
        "size of the photograph's move": np.abs(profile_moved),
        "seconds": np.array([low.seconds, middle.seconds, high.seconds]),
    }


def page(found: Mapping[str, object]) -> str:
    """The figures as Markdown."""
    lines = [
        "# Width from the photograph",
        "",
        "`calibre` is as wide as a mask draws a vessel; `calibre_profile` is as wide as the photograph shows it.",
        "This page says how right the latter is where the truth is known, how the two compare on drawn masks, and how",
        "far each follows a mask's threshold. Segments are compared, each by the median of its points; the spread is",
        "that of the middle half, as a standard deviation.",
        "Written by `python -m benchmarks.profile_calibre --data DIR --markdown FILE`.",
        "",
        "## Digital eyes",
        "",
        f"Photographs of {len(SEEDS)} digital eyes of 1024 px with noise, choroid, reflexes and vessels side by side,",
        f"under Gaussian blur. Bias and spread (SD) of `calibre_profile` over segments of {THINNEST_PX:g} px and more.",
        "",
        "| blur, px SD | " + " | ".join(("all vessels", "arteries", "veins")) + " |",
        "|---|---|---|---|",
    ]
    rows = {(row["blur_px"], row["structure"]): row for row in found["digital"]}  # type: ignore[attr-defined]
    for blur in BLURS_PX:
        cells = [rows[blur, name] for name in ("vessel", "artery", "vein")]
        lines.append(
            f"| {blur:g} | "
            + " | ".join(f"{100 * c['median']:+.1f} % ({100 * c['sd']:.1f})" for c in cells)
            + " |"
        )
    sets: Mapping[str, Mapping[str, Mapping[str, float]]] = found["sets"]  # type: ignore[assignment]
    questions = [q for q in next(iter(sets.values())) if not q.startswith(("size", "seconds"))]
    lines += [
        "",
        "## Drawn sets",
        "",
        f"The first {found['eyes']} pictures of each set (of DRIVE, of its training part). Median over segments",
        f"matched on the centre line, and SD between segments. The model is `{found['model']}`.",
        "The photograph's width is nobody's drawing: where it is less than the drawn one, the vessels were drawn wide.",
        "",
        "| | " + " | ".join(sets) + " |",
        "|---|" + "---|" * len(sets),
    ]
    for question in questions:
        cells = [sets[name][question] for name in sets]
        lines.append(
            f"| {question} | "
            + " | ".join(f"{100 * c['median']:+.1f} % ({100 * c['sd']:.0f})" for c in cells)
            + " |"
        )
    for question in ("size of the mask's move", "size of the photograph's move"):
        lines.append(
            f"| {question}, median | "
            + " | ".join(f"{100 * sets[name][question]['median']:.1f} %" for name in sets)
            + " |"
        )
    lines.append(
        "| seconds a mask, one core | "
        + " | ".join(f"{sets[name]['seconds']['median']:.3f}" for name in sets)
        + " |"
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--eyes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    found = {
        "eyes": arguments.eyes,
        "model": RunConfig().segmentation.model,
        "digital": digital(),
        "sets": drawn_sets(arguments.data, arguments.eyes),
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(MappingProxyType(found).copy(), indent=1), encoding="utf-8")
    text = page(found)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
