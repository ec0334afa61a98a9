"""A bundle's network in OpenVINO, which on a CPU is faster than torch: exported once, kept, and run in its place.

Needs the extra `retquant[openvino]`. What was exported lies in the user's cache folder, named by the weights, the
working size, the source of the networks and the versions of the libraries; it is compared with torch before it is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn

from retquant.errors import ModelError
from retquant.kept_files import kept_path, read_kept, write_kept
from retquant.segmentation.compact import GLANCE_CHANNELS, CompactNetwork

if TYPE_CHECKING:
    from retquant.segmentation.build import Network
    from retquant.segmentation.bundles import Bundle

KIND = "openvino"  # folder below RETQUANT_CACHE, or below the user's cache folder
_LIBRARIES = ("openvino", "torch", "timm", "peft", "segment-anything")
_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_LARGEST_DIFFERENCE = 1e-3  # of a probability in full precision; measured 1e-5
_LENGTH_BYTES = 8


class Session:
    """A compiled network: arrays in, logits out. One image at a time; threads take turns."""

    def __init__(self, model: Any, precision: str) -> None:
        import openvino

        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "PERFORMANCE_HINT": "LATENCY",
            },
        )
        self._request = compiled.create_infer_request()
        self._turn = threading.Lock()

    def __call__(self, tiles: np.ndarray, hand: int, glance: np.ndarray | None = None) -> np.ndarray:
        """(1, T, h, w) float32 logits of (1, 3, h, w) tiles, for the compact network with its (1, 6, g, g) glance."""
        inputs = [tiles, np.array([hand], np.int64), *([] if glance is None else [glance])]
        with self._turn:
            found: np.ndarray = self._request.infer(inputs)[0].copy()
        return found


def open_session(network: Network, bundle: Bundle, precision: str) -> Session:
    """The network, loaded with the bundle's weights and ready for inference, as a session.

    Raises
    ------
    ModelError
        OpenVINO cannot run this network.
    """
    model, path = None, None
    with contextlib.suppress(OSError):  # no folder, room or leave: every process exports
        path = kept_path(KIND, bundle.name, _made_from(bundle))
        model = _read(path)
    if model is None:
        model, data = _export(network, bundle)
        if path is not None:
            with contextlib.suppress(OSError):
                write_kept(path, data)
    return Session(model, precision)


def _made_from(bundle: Bundle) -> str:
    source = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        source.update(file.read_bytes())
    weights = bundle.weights_sha256, bundle.foundation, bundle.foundation_sha256, bundle.working_px
    shape = (
        bundle.targets,
        bundle.hands,
        bundle.lora_rank,
        bundle.lora_alpha,
        bundle.lora_targets,
        bundle.fusion,
    )
    return repr((weights, shape, source.hexdigest(), [version(library) for library in _LIBRARIES]))


def _read(path: Path) -> Any:
    import openvino

    data = read_kept(path)
    if data is None:
        return None
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    return openvino.Core().read_model(data[_LENGTH_BYTES:end], data[end:])


def _export(network: Network, bundle: Bundle) -> tuple[Any, bytes]:
    import openvino

    inputs = _sample(network, bundle.working_px)
    answering = _Answering(network).eval()
    with torch.no_grad():
        wanted = answering(*inputs).float().numpy()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of timm's attention, which keeps its biases
            model = openvino.convert_model(torch.export.export(answering, inputs))
        model.reshape({port: list(array.shape) for port, array in zip(model.inputs, inputs, strict=True)})
        with tempfile.TemporaryDirectory() as folder:
            openvino.save_model(model, Path(folder) / "network.xml", compress_to_fp16=False)
            xml, weights = ((Path(folder) / f"network.{kind}").read_bytes() for kind in ("xml", "bin"))
        tiles, _, *glance = (array.numpy() for array in inputs)
        found = Session(model, "float32")(tiles, 0, *glance)
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO cannot run {bundle.name} ({str(error).splitlines()[0]})", remedy="--runtime torch"
        ) from error
    difference = float(np.abs(expit(found) - expit(wanted)).max())
    if not difference <= _LARGEST_DIFFERENCE:
        raise ModelError(
            f"OpenVINO's probabilities of {bundle.name} differ from torch's by {difference:.2g}",
            remedy="--runtime torch",
        )
    return model, len(xml).to_bytes(_LENGTH_BYTES, "little") + xml + weights


class _Answering(nn.Module):
    """The pass that inference makes: the whole field or a tile of it, without prompts."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, tiles: Tensor, hands: Tensor, glance: Tensor | None = None) -> Tensor:
        if glance is None:
            logits: Tensor = self.network(tiles, hands)
        else:
            logits, _ = self.network(tiles, hands, glance, torch.zeros(1, 2))
        return logits.float()


def _sample(network: Network, working_px: int) -> tuple[Tensor, ...]:
    """Noise of the shapes that inference has."""
    noise = torch.Generator().manual_seed(0)
    side = working_px if isinstance(network, CompactNetwork) else network.tile_px
    tiles, hands = torch.rand(1, 3, side, side, generator=noise), torch.zeros(1, dtype=torch.int64)
    if not isinstance(network, CompactNetwork):
        return tiles, hands
    seen = side // network.spec.glance_shrink
    return tiles, hands, torch.rand(1, GLANCE_CHANNELS, seen, seen, generator=noise)
