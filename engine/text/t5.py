"""The T5 tokenizer (SD3, Flux and most newer models) and weighted prompts in its tokens.

Built from one data file, the pieces of T5's sentencepiece vocabulary (Apache-2.0, see `data/`);
nothing is downloaded. There are no chunks: a prompt is one row as long as it needs to be.
"""

import base64
import functools
import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import Unigram

from engine.text.emphasis import read_emphasis
from engine.text.unicode import whole

PAD, END, UNKNOWN = 0, 1, 2
SPARE_PIECES = 100

PIECES_FILE = Path(__file__).parent / "data" / "t5_pieces.txt.gz"
PIECES_SHA256 = "202de1a2f569e318080bc2b68b565f10be2edcff0895ee5f3045e0df7c7bd52d"


@dataclass(frozen=True, slots=True)
class T5Tokens:
    """A prompt for T5: `ids` and `weights` have one entry a slot, padding included."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def tokenize_t5(text: str, *, length: int = 77, weights: bool = True) -> T5Tokens:
    """`text` with its weights, the end token, and padding up to at least `length` slots.

    Each weighted segment is tokenised on its own. SD3 pads to 77 slots, Flux to 256.
    """
    ids: list[int] = []
    slots: list[float] = []
    for segment in read_emphasis(text, weights=weights):
        found = _tokenizer().encode(whole(segment.text), add_special_tokens=False).ids
        ids += found
        slots += [segment.weight] * len(found)
    ids.append(END)
    ids += [PAD] * (length - len(ids))
    return T5Tokens(tuple(ids), (*slots, *[1.0] * (len(ids) - len(slots))))


@functools.cache
def _tokenizer() -> Tokenizer:
    """Raises RuntimeError when the data file is not the one this code was written for."""
    charsmap, pieces = _pieces()
    spare = [(f"<extra_id_{number}>", 0.0) for number in range(SPARE_PIECES)]
    tokenizer = Tokenizer(Unigram([*pieces, *reversed(spare)], unk_id=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(charsmap),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), "▁"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", *(name for name, _ in spare)])
    return tokenizer


def _pieces() -> tuple[bytes, list[tuple[str, float]]]:
    """The table of normalised characters, and the pieces with their scores in the order of ids."""
    body = gzip.decompress(PIECES_FILE.read_bytes())
    if hashlib.sha256(body).hexdigest() != PIECES_SHA256:
        raise RuntimeError(
            f"{PIECES_FILE.name} is damaged: its contents do not match the T5 vocabulary. "
            "Install Patchbay again, or restore the file from the repository."
        )
    charsmap, *lines = body.decode("utf-8").split("\n")[:-1]
    pairs = (line.rsplit("\t", 1) for line in lines)
    return base64.b64decode(charsmap), [(json.loads(text), float(score)) for text, score in pairs]
