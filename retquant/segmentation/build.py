"""The network that a description asks for."""

from __future__ import annotations

from retquant.segmentation.compact import CompactNetwork
from retquant.segmentation.network import SamNetwork
from retquant.segmentation.spec import COMPACT, NetworkSpec

Network = SamNetwork | CompactNetwork


def build_network(spec: NetworkSpec, *, pretrained: bool = True) -> Network:
    """A network with its published weights where it has a foundation, and fresh ones elsewhere.

    Raises
    ------
    ModelError
        The foundation is unknown or not installed.
    """
    if spec.foundation == COMPACT:
        return CompactNetwork(spec)
    return SamNetwork(spec, pretrained=pretrained)
