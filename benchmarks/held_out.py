"""What each bundle that ships was found to do on images it did not learn from, as one page.

    python -m benchmarks.held_out [--markdown FILE]

Reads the bundles' cards, on which `retquant evaluate MODEL RECIPE --card` writes; nothing is computed here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from retquant.segmentation.bundles import Bundle, HeldOutResult, list_bundles

FIGURES = {  # heading -> field of a result, digits
    "Dice": ("dice", 3),
    "AUC": ("auc", 4),
    "AP": ("average_precision", 3),
    "clDice": ("centerline_dice", 3),
    "sensitivity": ("sensitivity", 3),
    "specificity": ("specificity", 3),
    "thin": ("thin_sensitivity", 3),
    "connectivity": ("connectivity", 4),
    "found / drawn width": ("calibre_ratio", 2),
    "right on lines": ("line_accuracy", 3),
    "CDR error": ("cdr_error", 3),
    "area error": ("area_error", 3),
    "error, disc radii": ("error_radii", 2),
}

HEAD = """# Segmentation on held-out images

From the cards of the bundles that ship (`python -m benchmarks.held_out --markdown FILE`), written there by `retquant
evaluate MODEL RECIPE --data DIR --card`. Masks at probability one half, after arteries and veins were made consistent
along the vessels, inside the field of view, at the images' own resolution. Dice: mean over images ± SD, with the 95 %
interval of the mean (bootstrap over images). AUC and AP (area under the precision-recall curve): all pixels pooled.
Validation persons chose the training step and the temperature, test images chose nothing. *thin*: share found of the
centre line of vessels below 3 px at DRIVE's scale. *right on lines*: artery or vein labelled right, of what is found.
"""


def page() -> str:
    """The page as Markdown."""
    return HEAD + "".join(_section(bundle) for bundle in list_bundles())


def _section(bundle: Bundle) -> str:
    lines = [f"\n## {bundle.name}\n\n{bundle.licence_note}\n\n"]
    results = sorted(bundle.results, key=lambda r: (r.role, r.dataset, r.hand, r.mirrors))
    used = {
        head: spec for head, spec in FIGURES.items() if any(getattr(r, spec[0]) is not None for r in results)
    }
    lines.append("| " + " | ".join(("images", "role", "n", "hand", "target", *used)) + " |\n")
    lines.append("|---" * (5 + len(used)) + "|\n")
    lines += (f"| {' | '.join(_row(result, used))} |\n" for result in results)
    return "".join(lines)


def _row(result: HeldOutResult, used: dict[str, tuple[str, int]]) -> Iterator[str]:
    yield from (
        result.dataset,
        result.role,
        str(result.images),
        result.hand_text,
        "artery or vein" if result.target == "artery_vein" else result.target,
    )
    for field, digits in used.values():
        value = getattr(result, field)
        said = "–" if value is None else f"{value:.{digits}f}"
        if (
            field == "dice"
            and value is not None
            and result.dice_low is not None
            and result.dice_high is not None
        ):
            said += f" ± {result.dice_sd or 0:.3f} ({result.dice_low:.3f} to {result.dice_high:.3f})"
        yield said


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    if options.markdown is None:
        print(page())
    else:
        options.markdown.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
