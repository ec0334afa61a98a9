"""retquant beside PVBM and VascX on the same masks: time, columns, error on shapes of known answer, drift, exceptions.

    python benchmarks/peers.py [--env FOLDER] [--json FILE] [--markdown FILE] [--only NAME ...]

Each peer is installed from PyPI in an environment of its own, in FOLDER, and run there by a driver in
`benchmarks/peers/` as its documentation says, in its own units. Shapes are 2048 x 2048 pixels of 5 um, arteries 16 and
veins 24 pixels wide, turned by 0, 30, 60 and 90 degrees; the masks have one bit. Times are medians of processor seconds
over digital eyes of 1024 x 1024 pixels, after a first pass that does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from peer_quantities import QUANTITIES, ROTATIONS, SHAPES, summary
from PIL import Image

from retquant.phantoms import Shape, simple_eye
from retquant.phantoms.geometry import Ellipse

DRIVERS = Path(__file__).with_suffix("")
EYES = (1, 2, 3)
REPEATS = 3
BESIDE_PX = 90.0  # radius of the disc that is set before a vessel's beginning, where a shape has none
GAP_PX = 5.0

# what each environment holds; of VascX's own dependencies only those of its network are left out
INSTALL = {
    "pvbm": (
        ("pvbm==3.0.1.8",),
        ("numpy", "scipy", "scikit-image", "pillow", "opencv-python-headless"),
    ),
    "vascx": (
        ("retinalysis-vascx==2.1.0", "retinalysis-enface==2.0.0"),
        (
            *("numpy<3", "pandas<3", "scikit-learn<2", "scipy<2", "opencv-python-headless<5", "matplotlib<4"),
            *(
                "joblib<2",
                "tqdm<5",
                "typing_extensions==4.*",
                "Pillow<12",
                "click<9",
                "sortedcontainers==2.4.0",
            ),
            *("scikit-image<1", "networkx<4", "numba<1", "pydicom<4"),
        ),
    ),
}
TOOLS = ("retquant", "vascx", "pvbm")


def environment(folder: Path, peer: str) -> Path:
    """The peer's interpreter; the environment is made and filled where it is not there yet."""
    home = folder / peer
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = home / "installed.json"
    wanted = json.dumps(INSTALL[peer])
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {peer} in {home}", file=sys.stderr)
    venv.create(home, with_pip=True, clear=True)
    own, needed = INSTALL[peer]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *needed], check=True)
    subprocess.run([*pip, "--no-deps", *own], check=True)
    done.write_text(wanted, encoding="utf-8")
    return python


def with_disc(shape: Shape) -> Shape:
    """The shape with a disc just before its vessel begins, which every program is given; among stripes, in a gap."""
    if shape.disc is not None:
        return shape
    tubes = next(iter(shape.tubes.values()))
    stem = tubes[0].points
    joined = [tube.points[end] for tube in tubes[1:] for end in (0, -1)]
    if any(np.allclose(stem[0], point, atol=1.0) for point in joined):
        stem = stem[::-1]  # drawn from the junction outwards: the disc goes to its free end
    heading = (stem[0] - stem[1]) / np.hypot(*(stem[0] - stem[1]))
    if shape.name == "parallel_vessels":
        middle = min(tubes, key=lambda tube: np.hypot(*(tube.points.mean(axis=0) - np.array(shape.size) / 2)))
        side = np.array([-heading[1], heading[0]]) * shape.truth["pitch_px"] / 2
        center, radius = middle.points.mean(axis=0) + side, 20.0
    else:
        radius = BESIDE_PX
        center = stem[0] + heading * (radius + GAP_PX + float(tubes[0].radii[0]))
    return replace(
        shape, disc=Ellipse(center=(float(center[0]), float(center[1])), semi_axes=(radius, radius))
    )


def save(path: Path, picture: np.ndarray) -> str:
    Image.fromarray(picture).save(path)
    return str(path)


def shape_jobs(folder: Path, only: list[str] | None, *, is_soft: bool, scale: float) -> list[dict]:
    """One job a shape and rotation, its masks drawn into the folder."""
    jobs = []
    for title, make in SHAPES.items():
        if only and title not in only:
            continue
        upright = with_disc(make())
        for angle in ROTATIONS:
            shape = upright.rotated(angle).scaled(scale)
            assert shape.disc is not None
            stem = f"{title.replace(' ', '_')}_{angle:g}_{scale:g}_{'soft' if is_soft else 'hard'}"
            center = np.array(shape.disc.center)
            inwards = np.array(shape.size) / 2 - center
            away = (
                inwards / max(float(np.hypot(*inwards)), 1e-9) if title != "spokes" else np.array([0.0, 1.0])
            )
            masks = {}
            for part in (*shape.tubes, "disc", "fov"):
                share = shape.coverage(part)
                drawn = share if is_soft and part in shape.tubes else share >= 0.5
                drawn = drawn * (
                    shape.coverage("fov") >= 0.5
                )  # no segmentation has vessels outside the field
                masks[part] = save(folder / f"{stem}_{part}.png", np.rint(drawn * 255.0).astype(np.uint8))
            jobs.append(
                {
                    "name": f"{title} {angle:g}",
                    **masks,
                    "fovea": list(center + away * 5.2 * shape.disc.radius),
                    "um_per_px": shape.um_per_px,
                    "is_soft": is_soft,
                    "repeats": 1,
                    "parts": ["geometry", "equivalents", "shapes"],
                }
            )
    return jobs


def eye_jobs(folder: Path) -> list[dict]:
    """Digital eyes to be timed: everything that a program offers, the first eye once more to begin with."""
    jobs = []
    for seed in (EYES[0], *EYES):
        eye = simple_eye(seed, size=(1024, 1024))
        masks = {
            part: save(
                folder / f"eye_{seed}_{part}.png",
                np.where(eye.drawn.get(part, eye.shape.coverage(part)) >= 0.5, 255, 0).astype(np.uint8),
            )
            for part in ("artery", "vein", "disc", "fov")
        }
        assert eye.shape.fovea is not None
        jobs.append(
            {
                "name": f"eye {seed}",
                **masks,
                "fovea": list(eye.shape.fovea),
                "um_per_px": eye.shape.um_per_px,
                "is_soft": False,
                "repeats": REPEATS if jobs else 1,
                "parts": ["geometry", "equivalents", "fractals"],
            }
        )
    return jobs


@dataclass(frozen=True, kw_only=True)
class Run:
    """One column of the tables: a program on one rendering of the shapes."""

    tool: str
    title: str
    is_soft: bool = False
    scale: float = 1.0
    has_eyes: bool = True


RUNS = (
    Run(tool="retquant", title="retquant"),
    Run(tool="retquant", title="retquant, anti-aliased masks", is_soft=True, has_eyes=False),
    Run(tool="vascx", title="VascX"),
    Run(tool="vascx", title="VascX, shapes at 1024 x 1024", scale=0.5, has_eyes=False),
    Run(tool="pvbm", title="PVBM"),
)


def run(wanted: Run, python: Path, jobs: list[dict], folder: Path) -> dict:
    """The driver's answer, from a process of its own with one thread."""
    tool = wanted.tool
    asked, answered = folder / f"{wanted.title} jobs.json", folder / f"{wanted.title} results.json"
    asked.write_text(json.dumps(jobs, default=float), encoding="utf-8")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    here = {"PYTHONPATH": str(DRIVERS.parents[1])} if tool == "retquant" else {}
    done = subprocess.run(
        [str(python), str(DRIVERS / f"{tool}_driver.py"), str(asked), str(answered)],
        env={**os.environ, **threads, **here},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{tool} did not run:\n{done.stderr[-2000:]}")
    return json.loads(answered.read_text(encoding="utf-8"))


def measured(wanted: Run, python: Path, folder: Path, shapes: list[dict], eyes: list[dict]) -> dict:
    """All figures of one run."""
    tool = wanted.tool
    answer = run(wanted, python, shapes + eyes, folder)
    results = answer["results"]
    on_shapes, on_eyes = results[: len(shapes)], results[len(shapes) + 1 :]  # without the first pass
    parts = {part for result in on_eyes for part in result["seconds"]}
    return {
        "versions": answer["versions"],
        "errors": summary(tool, shapes, on_shapes),
        "exceptions": {r["name"]: r["errors"] for r in results if r["errors"]},
        "columns": median(r["asked"] for r in on_eyes) if on_eyes else None,
        "filled": median(len(r["values"]) for r in on_eyes) if on_eyes else None,
        "seconds": {part: median(v for r in on_eyes for v in r["seconds"][part]) for part in sorted(parts)},
        "shape_seconds": median(r["seconds"]["all"][0] for r in on_shapes),
        "shapes_run": len(on_shapes),
        "shapes_that_raised": sum(bool(r["errors"]) for r in on_shapes),
    }


def percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


INTRODUCTION = """# Beside other tools

PVBM and VascX (`retinalysis-vascx`), installed from PyPI in environments of their own, and retquant, in one run on the
same masks:

    python benchmarks/peers.py --markdown docs/accuracy/peers.md --json peers.json

Shapes are 2048 x 2048 pixels of 5 um, arteries 16 and veins 24 pixels wide, turned by 0, 30, 60 and 90 degrees, as
masks of one bit: {shapes}.
Each program gets what it asks for and is read in its own units: a disc before the
vessel's beginning, the fovea and the field; pixels are converted by the known pixel size. Errors are shares of the
closed-form answer, over shapes, structures and rotations; drift is the largest span over the four rotations of one
shape. "Answered" counts the values given among those asked for.

retquant also takes anti-aliased masks and probability maps, which is the second column. VascX is made for crops of
1024 x 1024 pixels and resizes the disc's mask to that; in its first column the disc is handed over at the frame's
size, in the second the shapes are drawn at half size. PVBM's recursion limit is raised as its own scripts do: with
Python's default, which its README leaves as it is, its geometry raises RecursionError on a vessel of more than
some 1000 pixels. Fractal dimensions, which PVBM reports too, are timed and not compared. Times are processor
seconds of one thread on one busy machine ({machine}), the median over three digital eyes of 1024 x 1024 pixels,
three times each, masks in and all numbers out, after a first eye that does not count.

"""


def as_markdown(figures: dict[str, dict]) -> str:
    """docs/accuracy/peers.md."""
    intro = INTRODUCTION.format(shapes=", ".join(SHAPES), machine=f"Python {platform.python_version()}")
    lines = [
        "| | " + " | ".join(figures) + " |",
        "|---|" + "---|" * len(figures),
    ]

    def row(title: str, show: Callable[[dict], str]) -> None:
        lines.append(f"| {title} | " + " | ".join(show(found) for found in figures.values()) + " |")

    def seconds(found: dict, part: str) -> str:
        return f"{found['seconds'][part]:.2f}" if part in found["seconds"] else ""

    row("version", lambda f: ", ".join(f"{name} {v}" for name, v in f["versions"].items()))
    row(
        "numbers an eye, of which filled",
        lambda f: f"{f['columns']:g}, {f['filled']:g}" if f["columns"] else "",
    )
    row("s an eye of 1024 x 1024", lambda f: seconds(f, "all"))
    row("s a shape", lambda f: f"{f['shape_seconds']:.2f}")
    row("shapes with an exception", lambda f: f"{f['shapes_that_raised']} of {f['shapes_run']}")
    for quantity, about in QUANTITIES.items():
        if about.is_count:
            continue
        lines += ["", f"**{quantity}** ({about.family}), % of the truth", ""]
        lines += [
            "| | answered | median | 95th percentile | largest | at | drift |",
            "|---|---|---|---|---|---|---|",
        ]
        for tool, found in figures.items():
            line = found["errors"].get(quantity)
            if line is None:
                lines.append(f"| {tool} | not reported | | | | | |")
                continue
            cells = " | ".join(percent(line[key]) for key in ("median", "p95", "worst"))
            lines.append(
                f"| {tool} | {line['answered']} of {line['asked']} | {cells} | {line['worst_at'] or ''} "
                f"| {percent(line['drift'])} |"
            )
    lines += [
        "",
        "**counts** (topology)",
        "",
        "| | branch points | end points |",
        "|---|---|---|",
    ]
    for tool, found in figures.items():
        shown = []
        for quantity in ("branch points", "end points"):
            line = found["errors"].get(quantity)
            shown.append(f"{line['wrong']} of {line['answered']} wrong" if line else "not reported")
        lines.append(f"| {tool} | {' | '.join(shown)} |")
    return intro + "\n".join(lines) + "\n"


def main() -> None:
    cache = Path(os.environ.get("RETQUANT_CACHE", Path.home() / ".cache" / "retquant"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", type=Path, default=cache / "peers", help="where the peers are installed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--only", nargs="+", choices=SHAPES, help="some of the shapes")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--jobs", type=int, default=1, help="programs at a time; times are processor seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = [wanted for wanted in RUNS if wanted.tool in options.tools]
        kinds = {(wanted.is_soft, wanted.scale) for wanted in chosen}
        shapes = {
            kind: shape_jobs(folder, options.only, is_soft=kind[0], scale=kind[1]) for kind in sorted(kinds)
        }
        eyes = eye_jobs(folder)
        pythons = {
            tool: Path(sys.executable) if tool == "retquant" else environment(options.env, tool)
            for tool in options.tools
        }

        def figures_of(wanted: Run) -> dict:
            drawn = shapes[wanted.is_soft, wanted.scale]
            found = measured(wanted, pythons[wanted.tool], folder, drawn, eyes if wanted.has_eyes else [])
            print(f"{wanted.title} is done", file=sys.stderr)
            return found

        with ThreadPoolExecutor(options.jobs) as pool:
            titles = [wanted.title for wanted in chosen]
            figures = dict(zip(titles, pool.map(figures_of, chosen), strict=True))
    text = as_markdown(figures)
    print(text)
    for tool, found in figures.items():
        for job, errors in found["exceptions"].items():
            for part, message in errors.items():
                print(f"{tool}: {job}: {part}: {message}")
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        about = {"python": platform.python_version(), "machine": platform.machine(), "tools": figures}
        options.json.write_text(json.dumps(about, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
