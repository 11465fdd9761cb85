"""What the rest of the engine calls: a UNet, a text encoder and an autoencoder as plain functions.

Each of them asks its owner for the live module at every call, so a call is always computed with
the weights and patches of its own handle, whatever ran in between. Tensors may come from any
device; what travels on links (conditioning, latents, pictures) comes out in main memory, and a
prediction on the device of its latent. Everything is float32; no gradients are kept.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from engine.weights.configs import TextConfig, UnetConfig, VaeConfig

# Any: what diffusers and transformers return is untyped for us.
Borrow = Callable[[], AbstractContextManager[Any]]

# Pixels decoded or encoded at a time: bounds the memory that a batch takes.
_PIXELS_AT_ONCE = 512 * 512
_END_TOKEN = 49407


class UNet:
    """Predicts the noise (``prediction`` "eps") or the velocity ("v") in a latent.

    Attributes:
        prediction: "eps" or "v".
        context_width: channels that the text conditioning must have.
    """

    def __init__(self, borrow: Borrow, config: UnetConfig, prediction: str) -> None:
        self._borrow = borrow
        self.prediction = prediction
        self.context_width = config.context_width

    @torch.no_grad()
    def __call__(self, x: Tensor, timestep: Tensor, context: Tensor) -> Tensor:
        """One prediction.

        Args:
            x: scaled noisy latent, float32 [B, 4, h, w].
            timestep: float32 [B], on the 0..999 scale of training.
            context: text conditioning, float32 [B, T, context_width].

        Returns:
            float32 [B, 4, h, w].
        """
        with self._borrow() as module:
            ready, time = _ready(x, module), timestep.to(next(module.parameters()).device)
            words = context.to(ready)
            (out,) = module(ready, time, encoder_hidden_states=words, return_dict=False)
        return torch.as_tensor(out).to(x.device, torch.float32).contiguous()


class TextEncoder:
    """A CLIP text network.

    Attributes:
        layers: how many layers it has.
        width: channels of its output.
    """

    def __init__(self, borrow: Borrow, config: TextConfig) -> None:
        self._borrow = borrow
        self.layers = config.layers
        self.width = config.width

    @torch.no_grad()
    def __call__(self, tokens: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Encode chunks of tokens.

        Args:
            tokens: int64 [B, 77], start and end tokens included.
            layer: -1 for the last layer, -2 for the one before it, ...; beyond the first layer
                means the last one.

        Returns:
            The output of that layer after the final layer norm, float32 [B, 77, D], and the final
            layer's normed vector at the first end token of each chunk, float32 [B, D].
        """
        with self._borrow() as module:
            device = next(module.parameters()).device
            tokens = tokens.to(device)
            skips = -self.layers <= layer < -1
            found = module(input_ids=tokens, output_hidden_states=skips)
            final: Tensor = found.last_hidden_state
            hidden = final
            if skips:
                # hidden_states[0] is the embedding, so index -2 is the layer before the last.
                hidden = _final_norm(module)(found.hidden_states[layer])
        ends = (tokens == _END_TOKEN).int().argmax(dim=1)
        pooled = final[torch.arange(len(tokens), device=device), ends]
        return hidden.float().cpu(), pooled.float().cpu()


def _final_norm(module: nn.Module) -> nn.Module:
    # transformers < 5.6 keeps the network one level down.
    return getattr(module, "text_model", module).get_submodule("final_layer_norm")


class Autoencoder:
    """Pictures to latents and back. Latents are unscaled, as they are on LATENT links.

    Attributes:
        factor: pixels per latent cell along one side, 8 in SD1.
    """

    def __init__(self, borrow: Borrow, config: VaeConfig) -> None:
        self._borrow = borrow
        self.factor = config.factor

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """Latent [B, 4, h, w] to pictures, float32 [B, h * factor, w * factor, 3] in 0..1."""
        pictures = []
        with self._borrow() as module:
            for piece in _pieces(latent, latent.shape[2] * latent.shape[3] * self.factor**2):
                (out,) = module.decode(_ready(piece, module), return_dict=False)
                picture = ((out.float() + 1) / 2).clamp(0, 1).movedim(1, -1)
                pictures.append(picture.cpu().contiguous())
        return torch.cat(pictures)

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """Pictures [B, H, W, 3 or more] in 0..1 to the posterior mean, float32 [B, 4, h, w].

        Sides that are no multiple of ``factor`` are cut to one, the same on both ends.
        """
        cut = self._cropped(image)[..., :3].movedim(-1, 1) * 2 - 1
        latents = []
        with self._borrow() as module:
            for piece in _pieces(cut, cut.shape[2] * cut.shape[3]):
                (posterior,) = module.encode(_ready(piece, module), return_dict=False)
                latents.append(posterior.mean.float().cpu().contiguous())
        return torch.cat(latents)

    def _cropped(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:3]
        top, left = (height % self.factor) // 2, (width % self.factor) // 2
        height -= height % self.factor
        width -= width % self.factor
        return image[:, top : top + height, left : left + width]


def _pieces(batch: Tensor, pixels: int) -> tuple[Tensor, ...]:
    return torch.split(batch, max(1, _PIXELS_AT_ONCE // max(1, pixels)))


def _ready(batch: Tensor, module: nn.Module) -> Tensor:
    like = next(module.parameters())
    return batch.to(like.device, like.dtype, memory_format=torch.channels_last)
