"""Which annotation hand draws vessels as wide as photographs show them: what a model's default hand is chosen by.

    python -m benchmarks.hand_choice MODEL --data DIR [--markdown FILE]

DIR holds the fundus sets. Pictures are those that no shipped model learned vessels from. Each hand's mask is measured
both ways, by its own edges and by the photograph (`calibre_profile`), at the same points; the hand whose masks depart
least, over all sets, is the one to follow in a cohort of an unknown camera.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.profile_calibre import by_segment, seen
from retquant.config import ImageSettings
from retquant.images import read_image
from retquant.segmentation.bundles import read_bundle
from retquant.segmentation.segmenter import load_segmenter

SETS = {
    "DRIVE 37-40": "DRIVE/training/images/[34][7890]_*.tif",
    "CHASE_DB1 9-10": "CHASE_DB1/Image_[01][09][LR].jpg",
    "HRF": "HRF_half/images/0[78]_h.jpg",
    "FIVES": "FIVES/images/[24]_A.jpg",
    "IDRiD": "IDRiD_cohort/images/IDRiD_0[1-4]0.jpg",
}
MOST = 4  # pictures of a set
THINNEST_PX = 3.0  # by the photograph: below it neither calibre says much


def excess(model: str, hand: str, paths: list[Path]) -> np.ndarray:
    """(B,) share by which each segment is wider by the hand's mask than by the photograph."""
    segment = load_segmenter(model, device="cpu", hand=hand)
    shares = []
    for path in paths:
        image = read_image(path, modality="cfp", eye=None, fov_mask=None, settings=ImageSettings())
        found = seen(segment(image).targets["vessel"].probability, image, is_hard=False)
        mask, photograph = by_segment(found.graph, found.graph.calibre, found.profile).T
        share = mask / photograph - 1
        shares.append(share[np.isfinite(share) & (photograph >= THINNEST_PX)])
    return np.concatenate(shares)


def table(model: str, data: Path) -> str:
    """Markdown: a row a hand, the median excess by set, and the mean of their sizes."""
    rows = []
    for hand in read_bundle(model).hands:
        medians = [
            float(np.median(excess(model, hand, list(islice(sorted(data.glob(pattern)), MOST)))))
            for pattern in SETS.values()
        ]
        cells = [f"{100 * value:+.0f} %" for value in medians]
        rows.append(f"| `{hand}` | {' | '.join(cells)} | {100 * np.mean(np.abs(medians)):.0f} % |")
        print(rows[-1], flush=True)
    head = f"| hand | {' | '.join(SETS)} | mean size |"
    return "\n".join([head, "|---" * (len(SETS) + 2) + "|", *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    name = read_bundle(arguments.model).name
    text = "\n".join(
        [
            "# Which hand a cohort follows",
            "",
            f"How much wider `{name}` draws vessels, under each annotation hand it learned, than the photograph shows",
            "them (`calibre_profile`): the median over segments of 3 px and more, by set of pictures that it learned",
            "no vessels from. Written by `python -m benchmarks.hand_choice MODEL --data DIR --markdown FILE`.",
            "",
            table(arguments.model, arguments.data),
        ]
    )
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
