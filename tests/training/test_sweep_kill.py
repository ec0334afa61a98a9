"""A worker that dies under a training run: another one goes on from the checkpoint."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from safetensors import safe_open

from retquant.cohort.cluster import ClusterSettings, connect
from retquant.training.recipe import TrainingRecipe
from retquant.training.sweep import Workplace, plan_trials, run_sweep

STEPS = 6


def steps_done(checkpoint: Path) -> int:
    with safe_open(checkpoint, framework="pt") as file:
        return int(json.loads(file.metadata()["progress"])["step"])


def test_a_run_whose_worker_is_killed_goes_on_from_its_checkpoint(
    root: Path, toy_recipe: Callable[..., TrainingRecipe], tmp_path: Path
) -> None:
    trials = plan_trials({"toy": toy_recipe(optimization={"steps": STEPS})}, root)
    place = Workplace(root=root, out=tmp_path / "out", cache=tmp_path / "packed", device="cpu")
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
