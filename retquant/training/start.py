"""Beginning a run from a finished bundle instead of random or published weights, as fine-tuning does."""

from __future__ import annotations

from dataclasses import replace

import torch
from safetensors.torch import load

from retquant.errors import ConfigError
from retquant.segmentation.build import Network, build_network
from retquant.segmentation.bundles import Bundle, read_bundle, read_weights
from retquant.training.recipe import TrainingRecipe
from retquant.training.widening import widened

HAND_TABLES = ("hands.weight", "drawn.style.weight", "drawn.last.weight")
"""Weights with a row an annotation hand."""

TARGET_TABLES = ("look_head.weight", "look_head.bias", "glance_head.weight", "glance_head.bias")
"""Weights of the compact network with a row a target."""

SAME = ("foundation", "lora_rank", "lora_targets", "fusion")
"""Settings in which recipe and bundle must agree, so that their weights have the same shapes and meaning."""


def begin_from(network: Network, recipe: TrainingRecipe, name: str) -> Bundle:
    """Put the weights of the bundle `name` into a recipe's fresh network.

    A compact network may be a multiple as wide as the bundle's, and then begins with what that one says. A hand that
    the bundle does not know starts as the bundle's default hand. A target that it does not know starts from random
    weights in the compact network; other networks need the same targets.

    Raises
    ------
    ModelError
        There is no such bundle, or it is damaged.
    ConfigError
        The bundle's network is another than the recipe's.
    """
    bundle = read_bundle(name)
    for setting in SAME if recipe.network.is_compact else (*SAME, "targets"):
        wanted, found = getattr(recipe.network, setting), getattr(bundle, setting)
        if wanted != found:
            shown = list(found) if isinstance(found, tuple) else found
            raise ConfigError(
                f"{setting} is {wanted!r} here and {found!r} in the bundle {name} that it begins from",
                where="[network]",
                remedy=f"{setting} = {shown!r}",
            )
    if recipe.network.width % bundle.width:
        raise ConfigError(
            f"width is {recipe.network.width} here and {bundle.width} in the bundle {name} that it begins from",
            where="[network]",
            remedy=f"a multiple of {bundle.width}",
        )
    state = {key: value.float() for key, value in load(read_weights(bundle)).items()}
    if bundle.width != recipe.network.width:
        wider = replace(bundle.network_spec, width=recipe.network.width)
        state = widened(state, build_network(wider).trained_state())
    rows = [bundle.hands.index(h if h in bundle.hands else bundle.default_hand) for h in recipe.hands]
    for table in HAND_TABLES:
        if table in state:
            state[table] = state[table][rows]
    fresh = network.trained_state()
    for table in TARGET_TABLES if recipe.network.is_compact else ():
        known = [
            state[table][bundle.targets.index(t)] if t in bundle.targets else None
            for t in recipe.network.targets
        ]
        state[table] = torch.stack(
            [own if row is None else row for own, row in zip(fresh[table], known, strict=True)]
        )
    network.load_trained(state)
    return bundle
