"""The CLIP tokenizer: text to vocabulary ids.

Built from one data file, the 48,894 byte-pair merges of OpenAI's CLIP (MIT, see `data/`), with the
`tokenizers` package alone: importing transformers for this would cost a second of start-up.
Weights, chunks and start/end tokens are not here: see `emphasis.py` and `chunks.py`.
"""

import functools
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

from engine.text.unicode import whole

START = 49406
END = 49407
START_TEXT = "<|startoftext|>"
END_TEXT = "<|endoftext|>"
# Fewer texts than this are sooner done one by one than handed to threads.
FEW = 16

MERGES_FILE = Path(__file__).parent / "data" / "clip_merges.txt.gz"
MERGES_SHA256 = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02"

# What counts as one piece before byte-pair merging (CLIP's own pattern).
PIECE = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@dataclass(frozen=True, slots=True)
class ClipTokenizer:
    """Text to CLIP ids, without start and end tokens.

    >>> clip_tokenizer().encode("a photo of a cat")
    [320, 1125, 539, 320, 2368]
    """

    backend: Tokenizer

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, 0..49407. A typed `<|endoftext|>` becomes a real end token (49407)."""
        return list(self.backend.encode(whole(text), add_special_tokens=False).ids)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each of `texts`: `encode` for many short texts at once, several times as fast.

        Equal texts share one list: it is to be read, not changed.
        """
        different = list(dict.fromkeys(texts))
        read = [whole(text) for text in different]
        if len(read) < FEW:
            found = [self.backend.encode(text, add_special_tokens=False) for text in read]
        else:
            found = self.backend.encode_batch_fast(read, add_special_tokens=False)
        ids = {text: one.ids for text, one in zip(different, found, strict=True)}
        return [ids[text] for text in texts]

    def places_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Where each of the tokens that `encode_all` gives begins in its text."""
        different = list(dict.fromkeys(texts))
        read = [whole(text) for text in different]
        if len(read) < FEW:
            found = [self.backend.encode(text, add_special_tokens=False) for text in read]
        else:
            found = self.backend.encode_batch(read, add_special_tokens=False)
        places = {
            text: [start for start, _ in one.offsets]
            for text, one in zip(different, found, strict=True)
        }
        return [places[text] for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Readable text of `ids`, for messages and for looking at chunks; start and end are left
        out.
        """
        return str(self.backend.decode(list(ids), skip_special_tokens=True)).strip()


@functools.cache
def clip_tokenizer() -> ClipTokenizer:
    """The one CLIP tokenizer of the process, built on first use (about 0.06 s).

    Raises RuntimeError when the data file is not the one this code was written for.
    """
    merges = _merges()
    symbols = _byte_symbols()
    words = [*symbols, *(symbol + "</w>" for symbol in symbols), *(a + b for a, b in merges)]
    vocabulary = {word: index for index, word in enumerate([*words, START_TEXT, END_TEXT])}
    backend = Tokenizer(
        BPE(
            vocab=vocabulary,
            merges=merges,
            end_of_word_suffix="</w>",
            continuing_subword_prefix="",
            unk_token=END_TEXT,
        )
    )
    backend.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECE), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Replace("</w>", " ")])
    backend.add_special_tokens([START_TEXT, END_TEXT])
    return ClipTokenizer(backend)


def _merges() -> list[tuple[str, str]]:
    """The merges in rank order, checked against the hash of the published list."""
    body = gzip.decompress(MERGES_FILE.read_bytes())
    if hashlib.sha256(body).hexdigest() != MERGES_SHA256:
        raise RuntimeError(
            f"{MERGES_FILE.name} is damaged: its contents do not match the CLIP merges list. "
            "Install Patchbay again, or restore the file from the repository."
        )
    pairs = (line.split(" ") for line in body.decode("utf-8").splitlines())
    return [(left, right) for left, right in pairs]


def _byte_symbols() -> list[str]:
    """The 256 printable stand-ins for bytes, in id order (GPT-2's byte-to-unicode table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = 256 - len(printable)
    return [*map(chr, printable), *map(chr, range(256, 256 + hidden))]
