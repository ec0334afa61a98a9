"""A loaded bundle as a function of one image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from retquant.errors import ModelError
from retquant.images.retinal_image import RetinalImage
from retquant.segmentation.bundles import WEIGHTS_FILE, Bundle, read_bundle, read_weights
from retquant.segmentation.closer_look import ZONE, closer_field
from retquant.segmentation.segmentation import Segmentation, TargetMask

if TYPE_CHECKING:
    from retquant.segmentation.build import Network
    from retquant.segmentation.openvino_session import Session

_HANDS = 8  # threads beside a GPU


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Segmenter:
    """Segments retinal images with one bundle on one device."""

    bundle: Bundle
    network: Network
    precision: str
    hand: str
    session: Session | None = None  # the network in OpenVINO, which then segments whole fields
    mirrors: bool = False  # whether to take the mean over the field's four mirror images

    @property
    def temperatures(self) -> tuple[float, ...]:
        """What the logits of each target are divided by, in the order of the bundle's targets."""
        return tuple(self.bundle.temperature_of(target) for target in self.bundle.targets)

    def __call__(self, image: RetinalImage) -> Segmentation:
        """Probability and mask of each of the bundle's targets, at the image's own resolution.

        Raises
        ------
        ModelError
            The bundle is for another modality.
        """
        return rounded(self.probabilities(image), model=self.bundle.name)

    def many(self, images: Sequence[RetinalImage]) -> list[Segmentation]:
        """What the call gives of each of several images, which go to the network together.

        On a GPU machine they are brought to the working frame and back by several threads, since the device is faster.

        Raises
        ------
        ModelError
            The bundle is for another modality.
        """
        for image in images:
            self._require_modality(image)
        on_gpu = next(self.network.parameters()).device.type == "cuda"
        with ThreadPoolExecutor(min(_HANDS, os.cpu_count() or 1) if on_gpu else 1) as hands:
            found = self._many(images, hands)
            nearer = [
                closer_field(image, seen.targets.get(ZONE)) for image, seen in zip(images, found, strict=True)
            ]
            again = iter(self._many([each for each in nearer if each is not None], hands))
            return [
                seen if each is None else _with_zone(seen, next(again))
                for seen, each in zip(found, nearer, strict=True)
            ]

    def _many(self, images: Sequence[RetinalImage], hands: ThreadPoolExecutor) -> list[Segmentation]:
        from retquant.segmentation.predict import frames_logits, prepared

        working_px = self.bundle.working_px
        seen = list(
            hands.map(lambda i: prepared(self.network, i.pixels, i.fov, working_px=working_px), images)
        )
        turns = [list(each.turned(mirrors=self.mirrors)) for each in seen]
        logits = iter(
            frames_logits(
                self.network,
                [field for fields in turns for field in fields],
                hand=self.bundle.hands.index(self.hand),
                precision=self.precision,
                session=self.session,
            )
        )
        answers = [[next(logits) for _ in fields] for fields in turns]
        return list(
            hands.map(
                lambda each, found: rounded(
                    each.answer(self.bundle.targets, found, self.temperatures), model=self.bundle.name
                ),
                seen,
                answers,
            )
        )

    def probabilities(self, image: RetinalImage) -> Iterator[tuple[str, np.ndarray]]:
        """Target and (H, W) float32 probability, 0 outside the field of view; raises as the call does.

        The avascular zone of a wide angiogram is that of a second, closer look (`closer_look`).
        """
        self._require_modality(image)
        for name, found in self._probabilities(image):
            if name == ZONE:
                zone = TargetMask(probability=to_bytes(found), source=f"model:{self.bundle.name}")
                nearer = closer_field(image, zone)
                found = found if nearer is None else dict(self._probabilities(nearer))[ZONE]
            yield name, found

    def _probabilities(self, image: RetinalImage) -> Iterator[tuple[str, np.ndarray]]:
        from retquant.segmentation.predict import predict_field

        return predict_field(
            self.network,
            image.pixels,
            image.fov,
            working_px=self.bundle.working_px,
            hand=self.bundle.hands.index(self.hand),
            precision=self.precision,
            session=self.session,
            temperatures=self.temperatures,
            mirrors=self.mirrors,
        )

    def _require_modality(self, image: RetinalImage) -> None:
        if image.modality != self.bundle.modality:
            raise ModelError(
                f"{self.bundle.name} is for {self.bundle.modality} images, this is {image.modality}",
                remedy="give masks in the manifest, or choose another --model",
            )


def _with_zone(first: Segmentation, closer: Segmentation) -> Segmentation:
    return Segmentation(targets=MappingProxyType({**first.targets, ZONE: closer.targets[ZONE]}))


def rounded(probabilities: Iterable[tuple[str, np.ndarray]], *, model: str) -> Segmentation:
    """Targets and their (H, W) float probabilities as they are measured and stored, in 8 bits."""
    return Segmentation(
        targets=MappingProxyType(
            {
                name: TargetMask(probability=to_bytes(map_), source=f"model:{model}")
                for name, map_ in probabilities
            }
        )
    )


def to_bytes(probability: np.ndarray) -> np.ndarray:
    """(H, W) uint8, 255 times (H, W) float probabilities in [0, 1]; one half and more is 128 and more."""
    levels: np.ndarray = np.round(probability * 255).astype(np.uint8)
    return levels


@lru_cache(maxsize=2)
def load_segmenter(
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    hand: str | None = None,
    runtime: str = "torch",
    mirrors: bool = False,
) -> Segmenter:
    """Load a bundle's network for inference; one copy a process.

    With `mirrors` its answers are the mean over an image and its three mirror images, at four times the time.

    Raises
    ------
    ModelError
        The bundle is missing, damaged, does not fit its network, or has no such annotation hand; or the
        runtime cannot be had.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from retquant.segmentation.build import build_network
    from retquant.segmentation.runtime import keep_large_blocks

    keep_large_blocks()
    bundle = read_bundle(name)
    network = build_network(bundle.network_spec)
    try:
        weights = load(read_weights(bundle))
    except SafetensorError:  # a pickle, say, whose hash the card tells rightly
        raise ModelError(
            "the weights are no safetensors, and nothing else is read",
            where=str(bundle.folder / WEIGHTS_FILE),
            remedy="install the model again, or save its weights as safetensors",
        ) from None
    network.load_trained({key: value.float() for key, value in weights.items()})
    segmenter = segmenter_of(
        bundle, network, device=device, precision=precision, hand=hand or bundle.default_hand, runtime=runtime
    )
    return replace(segmenter, mirrors=mirrors)


def segmenter_of(
    bundle: Bundle, network: Network, *, device: str, precision: str, hand: str, runtime: str
) -> Segmenter:
    """A network with its weights, made ready for inference: it cannot be trained after that.

    Raises
    ------
    ModelError
        There is no such annotation hand, or the runtime cannot be had.
    """
    import torch

    from retquant.segmentation.network import SamNetwork
    from retquant.segmentation.runtime import pick_device, pick_precision, pick_runtime

    if hand not in bundle.hands:
        raise ModelError(
            f"{bundle.name} knows no annotation hand {hand!r}", remedy=f"one of {', '.join(bundle.hands)}"
        )
    if isinstance(network, SamNetwork):
        network.merge_adapters()
    place = pick_device(device)
    if precision == "auto" and not isinstance(network, SamNetwork):
        precision = "float32"  # fast enough, and alike on all processors: bfloat16 moves a fifth of columns by over 1 %
    chosen = pick_precision(precision, place)
    # channels last: 0.51 instead of 0.66 s a tile on one core, for the convolutional stem
    network.eval().requires_grad_(False).to(place).to(memory_format=torch.channels_last)
    if isinstance(network, SamNetwork):
        network.freeze_prompt()
    else:
        network.fold_norms()
    session = None
    if pick_runtime(runtime, place) == "openvino":
        from retquant.segmentation.openvino_session import open_session

        session = open_session(network, bundle, chosen)
    return Segmenter(bundle=bundle, network=network, precision=chosen, hand=hand, session=session)
