"""Random digital angiograms, measured from true masks and through a model, against the graphs they were drawn from.

    python -m benchmarks.octa_agreement --work DIR [--seeds 0-99] [--fields 3,6] [--model NAME]
        [--page-only] [--markdown FILE] [--plots FOLDER]

Fields are 3 mm in 304 px and 6 mm in 400 px. Retinas of even number are healthy, those of odd number have random
calibres, tortuosity, dropout and avascular zones. Each leaves one line in `DIR/results.jsonl` with its truth and what
was measured of its true masks, and with `--model` another: its picture goes through the whole pipeline, as a scan of
known field does. A line that is there is not done again, so the command may be killed and given again, and the fields
may run side by side. On a quiet core a retina of 3 mm takes about 8 s and one of 6 mm about 20 s.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.foundation_worth import read_lines
from benchmarks.octa_agreement_page import TRUE_MASKS, draw_plots, page
from benchmarks.octa_retinas import SCANS, inputs_of, measured_through, overlaid_share, retina_of, truth_of
from retquant.biomarkers import Measurement, measure
from retquant.segmentation.bundles import read_bundle


def line_on_masks(field: int, number: int) -> dict[str, Any]:
    """The line of one retina: its truth, and what its true masks give."""
    began = time.process_time()
    retina = retina_of(field, number)
    inputs = inputs_of(retina)
    lacunarity = measure(inputs, ["*_lacunarity_mean_field", "*_lacunarity_slope_field"])
    truth = truth_of(retina, with_lacunarity=any(one.reason is None for one in lacunarity.values()))
    found = measure(inputs, list(truth)) | lacunarity
    return {
        "field": field,
        "seed": number,
        "by": TRUE_MASKS,
        "weights": None,
        "grown_from": retina.seed,
        "eye": retina.eye,
        "traits": asdict(retina.traits) if number % 2 else None,
        "overlaid_share": overlaid_share(retina.graph),
        "truth": truth,
        **_told(found),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def line_through(model: str, field: int, number: int, columns: Sequence[str]) -> dict[str, Any]:
    """The line of one retina's picture, segmented by a model."""
    began = time.process_time()
    bundle = read_bundle(model)
    found = measured_through(model, retina_of(field, number), columns)
    return {
        "field": field,
        "seed": number,
        "by": bundle.name,
        "weights": bundle.weights_sha256[:12],
        **_told(found),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def _told(found: Mapping[str, Measurement]) -> dict[str, dict[str, Any]]:
    return {
        "found": {name: float(one.value) for name, one in found.items() if one.reason is None},
        "missing": {name: one.reason for name, one in found.items() if one.reason is not None},
    }


def carry_out(work: Path, fields: Sequence[int], numbers: Sequence[int], model: str | None) -> None:
    """Do what is missing, a line a retina and way of measuring; the fields take turns."""
    work.mkdir(parents=True, exist_ok=True)
    results = work / "results.jsonl"
    lines = {key_of(line): line for line in read_lines(results)}
    bundle = None if model is None else read_bundle(model)
    for number in numbers:
        for field in fields:
            masks = (field, number, TRUE_MASKS, None)
            if masks not in lines:
                lines[masks] = _append(results, line_on_masks(field, number))
            if model is None or bundle is None:
                continue
            pictured = (field, number, bundle.name, bundle.weights_sha256[:12])
            if pictured not in lines:
                columns = list(lines[masks]["truth"])
                lines[pictured] = _append(results, line_through(model, field, number, columns))


def key_of(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a line is about: field, number, by what it was measured and with which weights."""
    return line["field"], line["seed"], line["by"], line["weights"]


def _append(results: Path, line: dict[str, Any]) -> dict[str, Any]:
    """Write a line in one piece, on a line of its own even where a kill cut the last one short."""
    text = json.dumps(line) + "\n"
    if results.is_file() and not results.read_bytes().endswith(b"\n"):
        text = "\n" + text
    with results.open("ab", buffering=0) as file:
        file.write(text.encode())
    print(
        f"{line['field']} mm, retina {line['seed']}, {line['by']}: {len(line['found'])} columns, "
        f"{line['cpu_seconds']:.0f} CPU s",
        flush=True,
    )
    return line


def numbers_of(text: str) -> list[int]:
    """`0-3,7` as 0, 1, 2, 3, 7."""

    def spans() -> Iterator[int]:
        for part in text.split(","):
            first, _, last = part.partition("-")
            yield from range(int(first), int(last or first) + 1)

    return list(dict.fromkeys(spans()))


def main() -> None:
    """Read the arguments and do what they ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of results")
    parser.add_argument("--seeds", type=numbers_of, default=numbers_of("0-99"), help="numbers of the retinas")
    parser.add_argument("--fields", type=numbers_of, default=list(SCANS), help="mm, of 3 and 6")
    parser.add_argument("--model", help="a bundle for angiograms, by name or folder")
    parser.add_argument("--page-only", action="store_true", help="write from the lines that are there")
    parser.add_argument("--markdown", type=Path, help="page to write")
    parser.add_argument(
        "--plots", type=Path, help="folder to draw Bland-Altman plots into (needs matplotlib)"
    )
    args = parser.parse_args()
    if unknown := set(args.fields) - set(SCANS):
        parser.error(f"--fields {sorted(unknown)}: of {', '.join(map(str, SCANS))}")
    if not args.page_only:
        carry_out(args.work, args.fields, args.seeds, args.model)
    lines = list({key_of(line): line for line in read_lines(args.work / "results.jsonl")}.values())
    if (args.markdown or args.plots) and not lines:
        parser.error(f"there are no results in {args.work}")
    pictures = draw_plots(lines, args.plots) if args.plots else []
    if args.markdown:
        args.markdown.write_text(page(lines, pictures=pictures, at=args.markdown.parent), encoding="utf-8")


if __name__ == "__main__":
    main()
