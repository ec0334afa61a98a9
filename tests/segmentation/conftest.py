"""A small network of the real architecture with random weights, shared by the tests of a session."""

from __future__ import annotations

import pytest
import torch

from retquant.segmentation.network import NetworkSpec, SamNetwork


@pytest.fixture(scope="session")
def untrained() -> SamNetwork:
    """LiteMedSAM with its published weights and fresh adapters, for two targets and two hands."""
    torch.manual_seed(0)
    spec = NetworkSpec(foundation="litemedsam", targets=("vessel", "disc"), hands=("one", "other"))
    return SamNetwork(spec).eval()
