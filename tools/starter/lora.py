"""Low-rank adapters on the starter networks: attach, scale by example, name as kohya does.

Not here: what they are trained on (adapters.py) and the file around them (export.py).
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from tools.starter.denoiser import Pair

# kohya's targets: linears and 1x1 convolutions of the transformers, with conv_dim also the 3x3
# convolutions.
_UNET_OWNERS = ("attentions", "resnets", "downsamplers", "upsamplers")
_SKIPPED = ("time_emb_proj", "conv_shortcut")


class LoraLayer(nn.Module):
    """up(down(x)): rank-r linear layers, or a convolution of the base's kernel followed by a 1x1
    one.

    `down` starts random and `up` at zero, so a fresh layer changes nothing (Hu et al. 2021).
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, rank: int) -> None:
        super().__init__()
        self.down: nn.Linear | nn.Conv2d
        self.up: nn.Linear | nn.Conv2d
        if isinstance(base, nn.Conv2d):
            kernel, stride = base.kernel_size[0], base.stride[0]
            # All convolutions of these networks are square and keep the size, but for their stride.
            self.down = nn.Conv2d(base.in_channels, rank, kernel, stride, kernel // 2, bias=False)
            self.up = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        else:
            self.down = nn.Linear(base.in_features, rank, bias=False)
            self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The change of the base layer's output, same shape as that output."""
        change: Tensor = self.up(self.down(x))
        return change


class LoraSet(nn.Module):
    """All LoRA layers of one file, attached to a `Pair`; `alpha` equals the rank, so the scale is
    the strength.
    """

    def __init__(self, pair: Pair, rank: int, *, text: bool) -> None:
        super().__init__()
        self.rank = rank
        self.layers: dict[str, LoraLayer] = {}
        self.strength = torch.ones(1)
        for stem, module in _targets(pair, text=text):
            layer = LoraLayer(module, rank)
            self.layers[stem] = layer
            self.add_module(stem, layer)
            module.register_forward_hook(self._hook(layer))

    def _hook(self, layer: LoraLayer) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def add(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            strength = self.strength.view(-1, *[1] * (output.dim() - 1)).to(output.dtype)
            change: Tensor = layer(inputs[0])
            return output + strength * change

        return add

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a kohya file, fp16: `<stem>.lora_down.weight`, `.lora_up.weight`,
        `.alpha`.
        """
        found: dict[str, Tensor] = {}
        for stem, layer in self.layers.items():
            found[f"{stem}.lora_down.weight"] = layer.down.weight.detach().half().contiguous()
            found[f"{stem}.lora_up.weight"] = layer.up.weight.detach().half().contiguous()
            found[f"{stem}.alpha"] = torch.tensor(float(self.rank), dtype=torch.float16)
        return found


def _targets(pair: Pair, *, text: bool) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    """(kohya stem, module) of everything that gets a LoRA."""
    for name, module in pair.unet.named_modules():
        fits = isinstance(module, nn.Linear | nn.Conv2d)
        if fits and any(part in name for part in _UNET_OWNERS) and not name.endswith(_SKIPPED):
            yield "lora_unet_" + name.replace(".", "_"), module
    for name, module in pair.text.named_modules():
        if text and isinstance(module, nn.Linear):
            # transformers 5.6 and later left out the `text_model.` of every name; files keep it.
            stem = name.removeprefix("text_model.").replace(".", "_")
            yield "lora_te_text_model_" + stem, module
