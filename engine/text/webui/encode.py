"""What text networks say of prompts in the webui dialect: weights scale, then the mean is restored.

The texts of a schedule are one batch: the mean that is restored is that of all of them, each
counted as often as it stands in the schedule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.text.cache import LearnedNetwork, Remembering
from engine.text.chunks import Chunk
from engine.text.encode import CHUNKS_PER_CALL
from engine.text.families import PADDING, taken_from
from engine.text.prompts import Encoded, Listeners, refuse_endless
from engine.text.vectors import RowTable
from engine.text.webui.attention import Piece, read_attention
from engine.text.webui.chunks import BACKTRACK, BareNames, empty_chunk, tokenize_webui

Emphasis = Literal["Original", "No norm", "Ignore", "None"]


@dataclass(frozen=True, slots=True)
class WebuiOptions:
    """The settings of webui that change what a prompt means.

    Attributes:
        emphasis: how weights act; "Ignore" reads them only, "None" reads brackets as text.
        backtrack: how far back a chunk is cut at a comma, in tokens; 0 for never.
        clip_skip: which layer from the end, where the family listens to it; 1 is the last.
        clip_l_skip: whether SDXL's CLIP-L listens to `clip_skip`.
        strict: a BREAK in brackets is the word "break", as in webui.
    """

    emphasis: Emphasis = "Original"
    backtrack: int = BACKTRACK
    clip_skip: int = 1
    clip_l_skip: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.clip_skip <= 24:
            raise ValueError(
                f"Clip skip is {self.clip_skip}; it counts layers from the end, 1 to 24."
            )


WEBUI_DEFAULTS = WebuiOptions()


def encode_webui(
    counts: Mapping[str, int], to: Listeners, options: WebuiOptions = WEBUI_DEFAULTS
) -> dict[str, Encoded]:
    """Each text of a batch, encoded; `counts` says how often it stands in the batch.

    All have as many chunks as the longest. Raises ValueError for a weight that is no number, and
    EmbeddingError for the file of a bare name that cannot be read.
    """
    texts = list(counts)
    pieces = [_pieces(text, options) for text in texts]
    refuse_endless(piece.weight for one in pieces for piece in one)
    bare = to.embeddings.names
    often = list(counts.values())
    said = [_say(network, pieces, often, bare, to, options) for network in to.networks]
    pooled = said[-1][1]
    length = min(hidden.shape[1] for hidden, _ in said)
    conds = torch.cat([hidden[:, :length] for hidden, _ in said], dim=2)
    return {
        text: Encoded(conds[number : number + 1], pooled[number : number + 1])
        for number, text in enumerate(texts)
    }


def _pieces(text: str, options: WebuiOptions) -> tuple[Piece, ...]:
    if options.emphasis == "None":
        return (Piece(text, 1.0),)
    return read_attention(text, strict=options.strict)


def _say(
    network: LearnedNetwork,
    pieces: Sequence[tuple[Piece, ...]],
    counts: Sequence[int],
    bare: Sequence[str],
    to: Listeners,
    options: WebuiOptions,
) -> tuple[Tensor, Tensor]:
    """What one network says: weighted [texts, 77 * chunks, C], and pooled [texts, P]."""
    lexicon = to.lexicon(network)
    names, table, padding = BareNames(bare, lexicon), RowTable(), PADDING[network.kind]
    found = [
        tokenize_webui(
            one, padding=padding, backtrack=options.backtrack, names=names, table=table
        ).chunks
        for one in pieces
    ]
    most = max(len(chunks) for chunks in found)
    filled = [(*chunks, *[empty_chunk(padding)] * (most - len(chunks))) for chunks in found]
    asked = Remembering(network, to.cache, to.identity, table.rows, lexicon.numbers(table.rows))
    hidden, pooled = _run(filled, asked, *_layer(network, to.networks, options))
    if options.emphasis in ("Original", "No norm"):
        weights = torch.tensor([[chunk.weights for chunk in chunks] for chunks in filled])
        hidden = weighted(
            hidden, weights, torch.tensor(counts), restore=options.emphasis == "Original"
        )
    return hidden.flatten(1, 2), pooled[:, 0]


def weighted(hidden: Tensor, weights: Tensor, counts: Tensor, *, restore: bool) -> Tensor:
    """`hidden` [texts, chunks, 77, C] times `weights` [texts, chunks, 77].

    With `restore` each chunk gets the mean back that it had over all texts, of which text n is
    there `counts[n]` times.
    """
    scaled = hidden * weights[..., None]
    if not restore or bool((weights == 1).all()):
        return scaled
    share = (counts / counts.sum()).double()[:, None]
    before, after = ((share * one.double().mean((2, 3))).sum(0) for one in (hidden, scaled))
    ratio = torch.where(after == 0, 1.0, before / after)
    return scaled * ratio.float()[None, :, None, None]


def _layer(
    network: LearnedNetwork, networks: Sequence[LearnedNetwork], options: WebuiOptions
) -> tuple[int, bool]:
    """Whose output is taken, and whether the final norm follows."""
    kinds = [one.kind for one in networks]
    taken = taken_from(kinds)
    skips = kinds == ["l"] or (network.kind == "l" and options.clip_l_skip)
    layer = -options.clip_skip if skips else taken.layer
    return (layer, taken.norm) if -layer <= network.layers else (-1, True)


def _run(
    chunks: Sequence[Sequence[Chunk]], network: Remembering, layer: int, norm: bool
) -> tuple[Tensor, Tensor]:
    """What the network says: [texts, chunks, 77, C] and [texts, chunks, P]."""
    tokens = torch.tensor([[chunk.ids for chunk in one] for one in chunks])
    rows = torch.split(tokens.flatten(0, 1), CHUNKS_PER_CALL)
    calls = [network(part, layer, norm=norm) for part in rows]
    hidden, pooled = (torch.cat(parts) for parts in zip(*calls, strict=True))
    count, most = tokens.shape[:2]
    return hidden.reshape(count, most, *hidden.shape[1:]), pooled.reshape(count, most, -1)
