"""The compact network: every target of a fundus photograph from two small U-Nets, without a foundation model.

One looks at the whole field at a fraction of the working scale, usually a third (the *glance*), where the optic disc,
the fovea and the lie of the arcades can be told; the other reads full-resolution detail, with the glance's features
beside its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from retquant.errors import ModelError
from retquant.segmentation.spec import NetworkSpec

GLANCE_CHANNELS = 6  # local contrast and colour of the field
LOOK_WIDTHS = (16, 32, 64, 128)
GLANCE_WIDTHS = (16, 32, 48, 64, 96)
CONTEXT_LEVEL = 2  # of the detail network, a quarter of the working scale, where the glance's features join
CLASSES_OF_VESSEL = ("artery", "vein")
VESSELS = ("vessel", "large_vessel")  # of a photograph, of an angiogram: what is either artery or vein


class CompactNetwork(nn.Module):
    """Two U-Nets (Ronneberger et al. 2015) with one set of masks, T targets.

    An artery is a vessel *and* arterial: its logit is the conjunction of the vessel's and a class's. Only the vessel
    depends on the annotation hand, which scales and shifts the hidden layer of its head and has its own last weights
    (the width at which a vessel is drawn is a habit of the annotator; which kind it is, is not).
    """

    tile_px = 256

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec, self.targets = spec, spec.targets
        n = len(self.targets)
        glance, look = ([spec.width * w for w in widths] for widths in (GLANCE_WIDTHS, LOOK_WIDTHS))
        self.glance = UNet(GLANCE_CHANNELS, glance, wide_view=True)
        self.glance_head = nn.Conv2d(glance[0], n, 1)
        self.look = UNet(3, look, context=glance[0])
        self.look_head = nn.Conv2d(look[0], n, 1)
        self.vessel = next((i for i, t in enumerate(self.targets) if t in VESSELS), None)
        self.drawn = None if self.vessel is None else HandHead(look[0], len(spec.hands))
        for head in (self.glance_head, self.look_head):
            nn.init.normal_(head.weight, std=0.01)
            if head.bias is not None:
                nn.init.constant_(head.bias, -2.0)  # most pixels are background

    def forward(self, tiles: Tensor, hands: Tensor, glance: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of tiles and of the glances at the fields they lie in.

        Parameters
        ----------
        tiles : (B, 3, h, w) local contrast in [0, 1], h and w multiples of 8
        hands : (B,) int, index of the annotation hand to follow
        glance : (B, 6, g, g) the whole field, g a multiple of 16
        corners : (B, 2) x, y of each tile's first pixel in the working frame, `glance_shrink` times g pixels a side

        Returns
        -------
        (B, T, h, w) and (B, T, g, g)
        """
        seen = self.glance(glance - 0.5)
        overview = self.glance_head(seen)
        height, width = tiles.shape[-2:]
        step = 2**CONTEXT_LEVEL
        side = seen.shape[-1] * self.spec.glance_shrink
        context = window(seen, corners, (height // step, width // step), step, side)
        features = self.look(tiles - 0.5, context)
        logits = self.look_head(features).float() + window(overview, corners, (height, width), 1, side)
        if self.drawn is not None and self.vessel is not None:
            index = self.vessel
            vessel = self.drawn(features, hands)[:, None].float()
            logits = torch.cat([logits[:, :index], vessel, logits[:, index + 1 :]], dim=1)
        return self._classes_of_vessel(logits), self._classes_of_vessel(overview.float())

    def _classes_of_vessel(self, logits: Tensor) -> Tensor:
        if self.vessel is None:
            return logits
        vessel = logits[:, self.vessel]
        channels = [
            conjunction(vessel, logits[:, i]) if target in CLASSES_OF_VESSEL else logits[:, i]
            for i, target in enumerate(self.targets)
        ]
        return torch.stack(channels, dim=1)

    def fold_norms(self) -> None:
        """Fold each normalisation into the convolution before it (for inference: the same function, fewer passes)."""
        for module in self.modules():
            if not isinstance(module, nn.Sequential) or len(module) < 2:
                continue
            convolution, norm = module[0], module[1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
        if self.drawn is not None and isinstance(self.drawn.norm, nn.BatchNorm2d):
            self.drawn.hidden = fuse_conv_bn_eval(self.drawn.hidden, self.drawn.norm)
            self.drawn.norm = nn.Identity()

    def trained_state(self) -> dict[str, Tensor]:
        """Weights and the running statistics of the normalisations."""
        return {
            name: value.detach()
            for name, value in self.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }

    def load_trained(self, state: Mapping[str, Tensor]) -> None:
        """Put trained weights in place.

        Raises
        ------
        ModelError
            The weights are not those of this network.
        """
        own = self.trained_state()
        wrong = sorted(set(own) ^ set(state))
        wrong += [name for name in own if name in state and own[name].shape != state[name].shape]
        if wrong:
            raise ModelError(
                f"the weights do not fit the network: {', '.join(wrong[:3])} ({len(wrong)} in all)",
                remedy="use the model.json that was written with these weights",
            )
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])


class UNet(nn.Module):
    """Encoder and decoder with skips; returns features at full resolution.

    `context` channels may join at `CONTEXT_LEVEL`; a wide view dilates the bottom until it spans the whole input.
    """

    def __init__(
        self, channels: int, widths: Sequence[int], *, context: int = 0, wide_view: bool = False
    ) -> None:
        super().__init__()
        before = [channels, *widths[:-1]]
        self.down = nn.ModuleList(
            _Pair(b + (context if level == CONTEXT_LEVEL else 0), w)
            for level, (b, w) in enumerate(zip(before, widths, strict=True))
        )
        bottom = widths[-1]
        self.bottom = (
            nn.Sequential(_layer(bottom, bottom, dilation=2), _layer(bottom, bottom, dilation=4))
            if wide_view
            else nn.Identity()
        )
        self.up = nn.ModuleList(
            _Pair(deep + fine, fine)
            for deep, fine in zip(reversed(widths[1:]), reversed(widths[:-1]), strict=True)
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(B, widths[0], h, w) features of a (B, channels, h, w) input."""
        skips = []
        for level, pair in enumerate(self.down):
            if level:
                x = functional.max_pool2d(x, 2)
            if level == CONTEXT_LEVEL and context is not None:
                x = torch.cat([x, context.to(x.dtype)], dim=1)
            x = pair(x)
            skips.append(x)
        x = self.bottom(skips.pop())
        for pair in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = pair(torch.cat([x, skips.pop()], dim=1))
        return x


class HandHead(nn.Module):
    """Vessel logits in the width of an annotation hand."""

    def __init__(self, width: int, hands: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(width)
        self.style = nn.Embedding(hands, 2 * width)
        self.last = nn.Embedding(hands, width + 1)
        nn.init.zeros_(self.style.weight)
        with torch.no_grad():  # every hand starts from the same weights
            start = torch.randn(width + 1) * 0.1
            start[-1] = -2.0
            self.last.weight.copy_(start.expand(hands, -1))

    def forward(self, features: Tensor, hands: Tensor) -> Tensor:
        """(B, h, w) logits."""
        scale, shift = self.style(hands)[:, :, None, None].chunk(2, dim=1)
        x = functional.relu(self.norm(self.hidden(features)) * (1 + scale) + shift)
        last = self.last(hands)
        logits: Tensor = (x * last[:, :-1, None, None]).sum(1) + last[:, -1, None, None]
        return logits


def conjunction(first: Tensor, second: Tensor) -> Tensor:
    """Logit of "both" from two logits of independent facts: p q = 1 / (1 + e^-x + e^-y + e^-(x+y))."""
    return -torch.logsumexp(torch.stack([-first, -second, -first - second]), dim=0)


def window(maps: Tensor, corners: Tensor, size: tuple[int, int], step: int, side: int) -> Tensor:
    """Read (B, C, g, g) maps of the glance, bilinearly, on a grid of working pixels.

    The grid has `size` (rows, columns) cells of `step` working pixels and begins at `corners` ((B, 2) x, y); the
    maps span the `side` working pixels of the frame.
    """
    axes = []
    for axis, count in enumerate((size[1], size[0])):
        centers = (torch.arange(count, device=maps.device) + 0.5) * step
        axes.append((corners[:, axis, None] + centers) * (2 / side) - 1)
    x = axes[0][:, None, :].expand(-1, size[0], -1)
    y = axes[1][:, :, None].expand(-1, -1, size[1])
    grid = torch.stack([x, y], dim=-1).float()
    return functional.grid_sample(maps.float(), grid, padding_mode="border", align_corners=False)


def _layer(before: int, after: int, *, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(after, momentum=0.05),
        nn.ReLU(inplace=True),
    )


class _Pair(nn.Sequential):
    def __init__(self, before: int, after: int) -> None:
        super().__init__(_layer(before, after), _layer(after, after))
