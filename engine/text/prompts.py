"""Prompts in the engine dialect with learned vectors in them, encoded through the cache.

Grammar, chunks and mathematics are those of `chunks.py` and `encode.py`; this puts them together
for one model.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from engine.text.cache import LearnedNetwork, Remembering, SaidCache
from engine.text.chunks import Tokens, pack, tokenize
from engine.text.embeddings import EmbeddingError, Embeddings, NetworkLexicon, misfit
from engine.text.encode import encode_tokens
from engine.text.families import PADDING


@dataclass(frozen=True, slots=True)
class Listeners:
    """The text networks of one model, and what they share.

    Attributes:
        networks: CLIP-L first.
        embeddings: what prompts may name.
        identity: of the networks' weights with their patches.
        legacy: tokenise as older installations did.
    """

    networks: Sequence[LearnedNetwork]
    embeddings: Embeddings
    cache: SaidCache = field(default_factory=SaidCache)
    identity: Hashable = None
    legacy: bool = False

    def lexicon(self, network: LearnedNetwork) -> NetworkLexicon:
        return NetworkLexicon(self.embeddings, network.kind, network.width)

    def remembering(
        self, network: LearnedNetwork, lexicon: NetworkLexicon, tokens: Tokens
    ) -> Remembering:
        """`network` as it is asked about `tokens`, which `lexicon` was used for."""
        numbers = lexicon.numbers(tokens.rows)
        return Remembering(network, self.cache, self.identity, tokens.rows, numbers)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt's conditioning: `cond` float32 [1, 77 * chunks, D], `pooled` float32 [1, P], and
    sentences for what could not be acted upon.
    """

    cond: Tensor
    pooled: Tensor
    warnings: tuple[str, ...] = ()


def encode_engine(
    texts: Sequence[str],
    to: Listeners,
    stop_at_layer: int | None = None,
    *,
    weights: bool = True,
) -> Encoded:
    """What the networks say of a text, or of a text for each of them.

    Where networks get texts of their own, empty chunks fill up the shorter ones. Raises ValueError
    for a weight that is no number, and EmbeddingError for an embedding that cannot be read or fits
    none of the networks.
    """
    networks = to.networks
    each = list(texts) if len(texts) > 1 else [*texts] * len(networks)
    lexicons = [to.lexicon(network) for network in networks]
    found = [
        tokenize(
            text,
            padding=PADDING[network.kind],
            weights=weights,
            legacy=to.legacy,
            lexicon=lexicon,
        )
        for text, network, lexicon in zip(each, networks, lexicons, strict=True)
    ]
    warnings = _checked(found, to)
    remembering = [
        to.remembering(network, lexicon, tokens)
        for network, lexicon, tokens in zip(networks, lexicons, found, strict=True)
    ]
    if len(texts) > 1:
        found = _filled(found, networks)
    cond, pooled = encode_tokens(found, remembering, stop_at_layer)
    return Encoded(cond, pooled, warnings)


def refuse_endless(weights: Iterable[float]) -> None:
    """Raises ValueError when one of `weights` is infinite or no number."""
    if not all(map(math.isfinite, weights)):
        raise ValueError(
            "A weight in the prompt is infinite or not a number, so it cannot be encoded. Write a "
            "number such as 1.2 behind the colon."
        )


def _filled(found: Sequence[Tokens], networks: Sequence[LearnedNetwork]) -> list[Tokens]:
    most = max(len(tokens.chunks) for tokens in found)
    return [
        Tokens(
            tokens.chunks + pack((), padding=PADDING[network.kind]) * (most - len(tokens.chunks)),
            rows=tokens.rows,
        )
        for tokens, network in zip(found, networks, strict=True)
    ]


def _checked(found: Sequence[Tokens], to: Listeners) -> tuple[str, ...]:
    """Warnings; raises where going on would give another picture than the prompt says."""
    for tokens in found:
        refuse_endless(weight for chunk in tokens.chunks for weight in chunk.weights)
    warnings = [
        f"The embedding {name} is not in models/embeddings; it says nothing."
        for name in dict.fromkeys(name for tokens in found for name in tokens.unknown)
    ]
    sizes = [(network.kind, network.width) for network in to.networks]
    for name in dict.fromkeys(name for tokens in found for name in tokens.misfits):
        if all(name in tokens.misfits for tokens in found):
            raise EmbeddingError(misfit(name, to.embeddings, sizes))
        warnings.append(
            f"The embedding {name} has vectors for some of this model's text encoders only; the "
            "others do not hear it."
        )
    return tuple(warnings)
