"""Stems of the networks that are transformers: Flux, Stable Diffusion 3 and their T5.

As in ``stems.py``, from the names of the modules. Live names are those of diffusers, where q, k and
v are modules of their own; the original (BFL, SAI) names have them as rows of one weight.

Source: sections 2.6 and 2.7 of the LoRA specification.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.lora.stems import Rows, Stem

_QKV = ("to_q", "to_k", "to_v")
_ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")


@dataclass(frozen=True, slots=True)
class Piece:
    """A live module and where it is in the original network."""

    original: str
    live: str
    rows: Rows | None = None


def fused(original: str, live: Sequence[str], widths: Sequence[int]) -> Iterator[Piece]:
    """Modules that are the rows of one original weight, one after the other."""
    start = 0
    for name, width in zip(live, widths, strict=True):
        yield Piece(original, name, Rows(start, start + width, sum(widths)))
        start += width


def swapped(original: str, live: str, total: int) -> Piece:
    """A module that has shift and scale the other way round."""
    return Piece(original, live, Rows(0, total, total, swapped=True))


# Flux ---------------------------------------------------------------------------------------------


def flux_pieces(double: int = 19, single: int = 38, hidden: int = 3072) -> Iterator[Piece]:
    """All modules of a Flux transformer of that many blocks and channels."""
    for n in range(double):
        yield from _double(f"double_blocks.{n}", f"transformer_blocks.{n}", hidden)
    for n in range(single):
        yield from _single(f"single_blocks.{n}", f"single_transformer_blocks.{n}", hidden)
    yield Piece("img_in", "x_embedder")
    yield Piece("txt_in", "context_embedder")
    for original, live in (("time", "timestep"), ("vector", "text"), ("guidance", "guidance")):
        for inner, n in (("in_layer", 1), ("out_layer", 2)):
            yield Piece(f"{original}_in.{inner}", f"time_text_embed.{live}_embedder.linear_{n}")
    yield Piece("final_layer.linear", "proj_out")
    yield swapped("final_layer.adaLN_modulation.1", "norm_out.linear", 2 * hidden)


def _double(original: str, live: str, hidden: int) -> Iterator[Piece]:
    sides = (
        ("img", _QKV, "to_out.0", "ff", "norm1", ("norm_q", "norm_k")),
        (
            "txt",
            _ADDED,
            "to_add_out",
            "ff_context",
            "norm1_context",
            ("norm_added_q", "norm_added_k"),
        ),
    )
    for side, qkv, out, ff, norm, (norm_q, norm_k) in sides:
        attention = f"{original}.{side}_attn"
        yield from fused(f"{attention}.qkv", [f"{live}.attn.{one}" for one in qkv], [hidden] * 3)
        yield Piece(f"{attention}.proj", f"{live}.attn.{out}")
        yield Piece(f"{attention}.norm.query_norm", f"{live}.attn.{norm_q}")
        yield Piece(f"{attention}.norm.key_norm", f"{live}.attn.{norm_k}")
        yield Piece(f"{original}.{side}_mlp.0", f"{live}.{ff}.net.0.proj")
        yield Piece(f"{original}.{side}_mlp.2", f"{live}.{ff}.net.2")
        yield Piece(f"{original}.{side}_mod.lin", f"{live}.{norm}.linear")


def _single(original: str, live: str, hidden: int) -> Iterator[Piece]:
    inner = [*(f"{live}.attn.{one}" for one in _QKV), f"{live}.proj_mlp"]
    yield from fused(f"{original}.linear1", inner, [hidden, hidden, hidden, 4 * hidden])
    yield Piece(f"{original}.linear2", f"{live}.proj_out")
    yield Piece(f"{original}.modulation.lin", f"{live}.norm.linear")
    yield Piece(f"{original}.norm.query_norm", f"{live}.attn.norm_q")
    yield Piece(f"{original}.norm.key_norm", f"{live}.attn.norm_k")


def flux_stems(double: int = 19, single: int = 38, hidden: int = 3072) -> Iterator[Stem]:
    """Every stem of such a transformer, those first that are preferred."""
    pieces = tuple(flux_pieces(double, single, hidden))
    yield from _common(pieces)
    yield from (Stem(piece.original, "BFL", piece.live, piece.rows) for piece in pieces)
    yield from _xlabs(double, single, hidden)


def _xlabs(double: int, single: int, hidden: int) -> Iterator[Stem]:
    """XLabs: 1 is the picture's side, 2 the text's; of ``linear1`` only its first three parts."""
    for n in range(double):
        prefix, live = f"double_blocks.{n}.processor", f"transformer_blocks.{n}.attn"
        for side, qkv, out in ((1, _QKV, "to_out.0"), (2, _ADDED, "to_add_out")):
            inner = [f"{live}.{one}" for one in qkv]
            for piece in fused(f"{prefix}.qkv_lora{side}", inner, [hidden] * 3):
                yield Stem(piece.original, "XLabs", piece.live, piece.rows)
            yield Stem(f"{prefix}.proj_lora{side}", "XLabs", f"{live}.{out}")
    for n in range(single):
        prefix, live = f"single_blocks.{n}.processor", f"single_transformer_blocks.{n}"
        inner = [f"{live}.attn.{one}" for one in _QKV]
        for piece in fused(f"{prefix}.qkv_lora", inner, [hidden] * 3):
            yield Stem(piece.original, "XLabs", piece.live, piece.rows)
        yield Stem(f"{prefix}.proj_lora", "XLabs", f"{live}.proj_out")


# Stable Diffusion 3 -------------------------------------------------------------------------------


def sd3_pieces(depth: int = 24, hidden: int = 1536) -> Iterator[Piece]:
    """All modules of an MMDiT of that many blocks and channels."""
    for n in range(depth):
        yield from _joint(f"joint_blocks.{n}", f"transformer_blocks.{n}", hidden, n == depth - 1)
    yield Piece("x_embedder.proj", "pos_embed.proj")
    yield Piece("context_embedder", "context_embedder")
    for original, live in (("t", "timestep"), ("y", "text")):
        for inner, n in ((0, 1), (2, 2)):
            yield Piece(
                f"{original}_embedder.mlp.{inner}", f"time_text_embed.{live}_embedder.linear_{n}"
            )
    yield Piece("final_layer.linear", "proj_out")
    yield swapped("final_layer.adaLN_modulation.1", "norm_out.linear", 2 * hidden)


def _joint(original: str, live: str, hidden: int, last: bool) -> Iterator[Piece]:
    sides = (
        ("x_block", _QKV, "to_out.0", "ff", "norm1"),
        ("context_block", _ADDED, "to_add_out", "ff_context", "norm1_context"),
    )
    for side, qkv, out, ff, norm in sides:
        block = f"{original}.{side}"
        inner = [f"{live}.attn.{one}" for one in qkv]
        yield from fused(f"{block}.attn.qkv", inner, [hidden] * 3)
        if last and side == "context_block":
            # Nobody reads the text after the last block, so it ends with its modulation.
            yield swapped(f"{block}.adaLN_modulation.1", f"{live}.{norm}.linear", 2 * hidden)
            continue
        yield Piece(f"{block}.attn.proj", f"{live}.attn.{out}")
        yield Piece(f"{block}.mlp.fc1", f"{live}.{ff}.net.0.proj")
        yield Piece(f"{block}.mlp.fc2", f"{live}.{ff}.net.2")
        yield Piece(f"{block}.adaLN_modulation.1", f"{live}.{norm}.linear")


def sd3_stems(depth: int = 24, hidden: int = 1536) -> Iterator[Stem]:
    """Every stem of such a transformer, those first that are preferred."""
    yield from _common(tuple(sd3_pieces(depth, hidden)))


# Both ---------------------------------------------------------------------------------------------


def _common(pieces: Sequence[Piece]) -> Iterator[Stem]:
    for piece in pieces:
        text = piece.original.replace(".", "_")
        yield Stem(f"lora_unet_{text}", "kohya", piece.live, piece.rows)
    for piece in pieces:
        yield Stem(f"diffusion_model.{piece.original}", "ComfyUI", piece.live, piece.rows)
    yield from _omi(pieces)
    ways = (
        ("OneTrainer", "lora_transformer_", "_"),
        ("LyCORIS", "lycoris_", "_"),
        ("diffusers", "transformer.", "."),
        ("PEFT", "base_model.model.", "."),
    )
    for dialect, prefix, separator in ways:
        for live in dict.fromkeys(piece.live for piece in pieces):
            yield Stem(prefix + live.replace(".", separator), dialect, live)


def _omi(pieces: Iterable[Piece]) -> Iterator[Stem]:
    """OMI numbers the modules that are rows of one, and takes them as they are."""
    numbers: dict[str, int] = {}
    for piece in pieces:
        if piece.rows is None or piece.rows.swapped:
            yield Stem(f"transformer.{piece.original}", "OMI", piece.live, piece.rows)
            continue
        number = numbers.get(piece.original, 0)
        numbers[piece.original] = number + 1
        yield Stem(f"transformer.{piece.original}.{number}", "OMI", piece.live)


# T5 -----------------------------------------------------------------------------------------------

_T5_LAYERS = (
    *((0, f"SelfAttention.{name}") for name in "qkvo"),
    *((1, f"DenseReluDense.{name}") for name in ("wi_0", "wi_1", "wo")),
)


def t5_stems(clips: int, layers: int = 24) -> Iterator[Stem]:
    """Every stem of the T5 of a model that has ``clips`` CLIPs beside it.

    It comes after them in kohya's count; with one CLIP, files count it second or third.
    """
    numbers = (2, 3) if clips == 1 else (1 + clips,)
    modules = [
        f"encoder.block.{n}.layer.{layer}.{name}"
        for n in range(layers)
        for layer, name in _T5_LAYERS
    ]
    for number in numbers:
        for module in modules:
            yield Stem(f"lora_te{number}_" + module.replace(".", "_"), "kohya", module)
    for dialect, prefix in (
        ("ComfyUI", "text_encoders.t5xxl.transformer."),
        ("diffusers", f"text_encoder_{1 + clips}."),
        ("OMI", "t5."),
    ):
        yield from (Stem(prefix + module, dialect, module) for module in modules)
