"""What the rest of the engine calls: a UNet and a text encoder as plain functions.

Each of them asks its owner for the live module at every call, so a call is always computed with
the weights and patches of its own handle, whatever ran in between. Tensors may come from any
device; conditioning comes out in main memory, and a prediction on the device of its latent.
Everything that goes in and out is float32; no gradients are kept. The autoencoder has a file of its
own.
"""

from functools import partial

import torch
from torch import Tensor, nn

from engine.weights.configs import TextConfig, TextKind, UnetConfig
from engine.weights.errors import WeightsError
from engine.weights.finite import all_finite
from engine.weights.learned import learned
from engine.weights.lending import Lender
from engine.weights.memory import unet_bytes
from engine.weights.networks import Network
from engine.weights.sites import Patches
from engine.weights.trained import Trained
from engine.weights.walk import NO_PATCHES, Control, Walk

_END_TOKEN = 49407
_WORDS = "embeddings.token_embedding"


class UNet:
    """Predicts the noise or the velocity in a latent, as ``trained.prediction`` says.

    Attributes:
        trained: how it is to be sampled.
        context_width: channels that the text conditioning must have.
    """

    def __init__(self, lend: Lender, config: UnetConfig, trained: Trained, name: str = "") -> None:
        """``name`` is the file's, for messages."""
        self._lend = lend
        self._config = config
        self._name = name or "the model"
        self._proved = False
        self.trained = trained
        self.context_width = config.context_width

    @torch.no_grad()
    def __call__(
        self,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        y: Tensor | None = None,
        concat: Tensor | None = None,
        control: Control | None = None,
        patches: Patches | None = None,
    ) -> Tensor:
        """One prediction.

        Args:
            x: scaled noisy latent, float32 [B, 4, h, w].
            timestep: float32 [B], on the 0..999 scale of training.
            context: text conditioning, float32 [B, T, context_width].
            y: vector beside the text, float32 [B, trained.vector]; ignored by a network without.
            concat: what ``trained.concat`` names, float32 [B, n, h, w]; ignored by a network
                without.
            control: lists "input", "middle" and "output" of what is added inside, used from their
                ends; see ``Walk``.
            patches: functions that act inside, with their ``call`` set.

        Returns:
            float32 [B, 4, h, w].

        Raises:
            ValueError: ``y`` or ``concat`` is missing or of another length.
            WeightsError: the first prediction is not finite, or memory does not suffice.
        """
        x, y = self._whole_input(x, concat), self._vector(y)
        needs = unet_bytes(self._config, x.shape[0] * x.shape[2] * x.shape[3])
        work = partial(_predict, x, timestep, context, y, control, patches or NO_PATCHES)
        out = self._lend(work, needs)
        if not self._proved:
            self._prove(x, context, out)
        return out

    def _whole_input(self, x: Tensor, concat: Tensor | None) -> Tensor:
        more = self._config.channels - x.shape[1]
        if more == 0:
            return x
        if concat is None or concat.shape[1] != more:
            there = 0 if concat is None else concat.shape[1]
            words = " and ".join(self.trained.concat).replace("_", " ") or "nothing"
            raise ValueError(
                f"{self._name} takes {self._config.channels} channels, the latent's "
                f"{x.shape[1]} and {more} more ({words}), and {there} more are there. Prepare its "
                "prompts with InpaintModelConditioning or InstructPixToPixConditioning."
            )
        return torch.cat([x, concat.to(x)], dim=1)

    def _vector(self, y: Tensor | None) -> Tensor | None:
        length = self._config.vector
        if not length:
            return None
        if y is None or y.shape[-1] != length:
            there = "none" if y is None else f"{y.shape[-1]}"
            raise ValueError(
                f"{self._name} takes a vector of {length} numbers beside the prompt and got "
                f"{there}. Encode the prompt with the CLIP of the same checkpoint."
            )
        return y

    def _prove(self, x: Tensor, context: Tensor, out: Tensor) -> None:
        """The first prediction shows whether the weights are numbers at all."""
        self._proved = all_finite(out)
        if self._proved or not (all_finite(x) and all_finite(context)):
            return
        raise WeightsError(
            f"{self._name} gives values that are not numbers (NaN or infinite). Its weights are "
            "damaged, a LoRA on it is, or the precision is too small: try --force-fp32."
        )


def _predict(
    x: Tensor,
    timestep: Tensor,
    context: Tensor,
    y: Tensor | None,
    control: Control | None,
    patches: Patches,
    network: Network,
) -> Tensor:
    ready, words = network.ready(x), network.ready(context)
    vector = None if y is None else network.ready(y)
    time = timestep.to(network.choice.device)
    upcast = network.choice.upcast_attention
    out = Walk(network.module, words, control, patches, upcast)(ready, time, vector)
    return out.to(x.device, torch.float32).contiguous()


class TextEncoder:
    """One CLIP text network.

    Attributes:
        kind: which of the family's text networks it is.
        layers: how many layers it has, those too that its file leaves out.
        width: channels of its output.
    """

    def __init__(self, lend: Lender, config: TextConfig, name: str = "") -> None:
        """``name`` is the file's, for messages."""
        self._lend = lend
        self._config = config
        self._name = name or "this file"
        self.kind: TextKind = config.kind
        self.layers = config.layers + config.omitted
        self.width = config.width

    @torch.no_grad()
    def __call__(
        self, tokens: Tensor, layer: int, *, norm: bool = True, vectors: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode chunks of tokens.

        Args:
            tokens: int64 [B, 77], start and end tokens included; ids beyond the vocabulary are
                rows of ``vectors``.
            layer: -1 for the last layer, -2 for the one before it, ...; beyond the first layer
                means the last one.
            norm: whether the final layer norm follows that layer.
            vectors: learned vectors that are said in place of words, [N, D].

        Returns:
            The output of that layer, float32 [B, 77, D], and the vector of the final layer at the
            first end token of each chunk, normed, and projected where the network has a
            projection: float32 [B, P].

        Raises:
            WeightsError: the file leaves out the layer that is asked for, or its weights are no
                numbers.
        """
        layer = layer if -self.layers <= layer else -1
        if layer >= -self._config.omitted:
            raise WeightsError(
                f"{self._name} leaves out the last layer of its text encoder, and the prompt is to "
                f"be taken from it. Set stop_at_clip_layer to {-1 - self._config.omitted} or "
                "lower, or use a file that has all layers."
            )
        found = self._lend(partial(_encode, tokens, layer + self._config.omitted, norm, vectors))
        if not all(all_finite(tensor) for tensor in found):
            raise WeightsError(
                f"The text encoder in {self._name} gives values that are not numbers (NaN or "
                "infinite). Its weights are damaged, or a LoRA on it is."
            )
        return found


def _encode(
    tokens: Tensor, layer: int, norm: bool, vectors: Tensor | None, network: Network
) -> tuple[Tensor, Tensor]:
    module, device = network.module, network.choice.device
    tokens = tokens.to(device)
    plain = layer == -1 and norm
    with learned(_inner(module).get_submodule(_WORDS), tokens, vectors) as known:
        found = module(input_ids=known, output_hidden_states=not plain)
    final: Tensor = found.last_hidden_state
    hidden = final
    if not plain:
        # hidden_states[0] is the embedding, so index -2 is the layer before the last.
        hidden = found.hidden_states[layer]
        hidden = _inner(module).get_submodule("final_layer_norm")(hidden) if norm else hidden
    ends = (tokens == _END_TOKEN).int().argmax(dim=1)
    pooled = final[torch.arange(len(tokens), device=device), ends]
    projection = getattr(module, "text_projection", None)
    if projection is not None:
        pooled = projection(pooled)
    return hidden.float().cpu(), pooled.float().cpu()


def _inner(module: nn.Module) -> nn.Module:
    # transformers < 5.6 keeps the network one level down.
    inner: nn.Module = getattr(module, "text_model", module)
    return inner
