"""A worker that dies under a training run: another one goes on from the checkpoint."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from retquant.cohort.cluster import ClusterSettings, connect
from retquant.training.recipe import TrainingRecipe
from retquant.training.sweep import Workplace, plan_trials, run_sweep

STEPS = 6
SETTINGS = {
    "name": "toy",
    "title": "Toy",
    "intended_use": "Tests.",
    "network": {"foundation": "compact", "default_hand": "toy", "working_px": 96},
    "optimization": {
        "steps": STEPS,
        "batch": 1,
        "validate_every": 99,
        "checkpoint_every": 1,
        "warmup_steps": 1,
        "centerline_from": 1.0,
    },
    "datasets": [
        {
            "name": "Toy",
            "licence": "CC0",
            "hand": "toy",
            "images": "*.png",
            "pattern": r"p(?P<person>\d)",
            "person": "{person}",
            "truth": {"vessel": "truth/p{person}.png"},
            "validation": ["2"],
        }
    ],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people's bright fields with a dark bar, and masks of the bars."""
    (tmp_path / "truth").mkdir()
    rows, cols = np.mgrid[:140, :140]
    field = np.hypot(rows - 69.5, cols - 69.5) < 66
    for person in (1, 2):
        bar = (np.abs(rows - 45 * person) < 4) & field
        pixels = np.where(field[..., None], [200, 120, 60], 0) - 60 * bar[..., None]
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / f"p{person}.png")
        Image.fromarray(bar).save(tmp_path / "truth" / f"p{person}.png")
    return tmp_path


def steps_done(checkpoint: Path) -> int:
    with safe_open(checkpoint, framework="pt") as file:
        return int(json.loads(file.metadata()["progress"])["step"])


def test_a_run_whose_worker_is_killed_goes_on_from_its_checkpoint(root: Path) -> None:
    trials = plan_trials({"toy": TrainingRecipe.model_validate(SETTINGS)}, root)
    place = Workplace(root=root, out=root / "out", cache=root / "packed", device="cpu")
    checkpoint = place.out / trials[0].name / "checkpoint.safetensors"
    at_kill: list[int] = []

    def kill(pid: int) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end and not (checkpoint.is_file() and steps_done(checkpoint) >= 1):
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
        at_kill.append(steps_done(checkpoint))

    client = connect(ClusterSettings(workers=1))
    try:
        (pid,) = client.run(os.getpid).values()
        killer = threading.Thread(target=kill, args=(pid,))
        killer.start()
        (outcome,) = run_sweep(trials, place, client=client)
        killer.join()
    finally:
        client.close()
    assert 1 <= at_kill[0] < STEPS
    assert outcome.error == ""
    assert outcome.results[0].dataset == "Toy"
    assert steps_done(checkpoint) == STEPS
    # one line of the learning curve, since step 1 was not begun again
    curve = (checkpoint.parent / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in curve] == [STEPS]
