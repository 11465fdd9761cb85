"""Weighted pieces to chunks of 75 tokens in the webui dialect: BREAK, commas, bare embedding names.

No torch. Chunks are those of `engine.text.chunks`, start and end tokens included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.text.chunks import Chunk, pack
from engine.text.tokenizer import END, START, clip_tokenizer
from engine.text.vectors import Lexicon, Row, RowTable
from engine.text.webui.attention import Piece

CHUNK_TOKENS = 75
COMMA = 267
BACKTRACK = 20


@dataclass(frozen=True, slots=True)
class WebuiTokens:
    """A tokenised prompt.

    Attributes:
        chunks: at least one.
        count: how many tokens webui counts.
        origins: for each chunk, which piece each of its tokens is from, and which token of it.
    """

    chunks: tuple[Chunk, ...]
    count: int
    origins: tuple[tuple[tuple[int, int], ...], ...]


class BareNames:
    """Embeddings that a prompt names without more: by the tokens of their names."""

    def __init__(self, names: Sequence[str] = (), lexicon: Lexicon | None = None) -> None:
        self._lexicon = lexicon
        self._by_first: dict[int, list[tuple[tuple[int, ...], str]]] = {}
        for name, ids in zip(names, clip_tokenizer().encode_all(names), strict=True):
            if ids:
                self._by_first.setdefault(ids[0], []).append((tuple(ids), name))
        for same in self._by_first.values():
            same.sort(key=lambda one: -len(one[0]))

    def at(self, ids: Sequence[int], place: int) -> tuple[int, Sequence[Row]] | None:
        """How many tokens the longest name at `place` has, and its vectors.

        A name whose vectors do not fit the network is no name here: it is read as words.
        """
        for tokens, name in self._by_first.get(ids[place], ()):
            if tuple(ids[place : place + len(tokens)]) == tokens and self._lexicon is not None:
                rows = self._lexicon.rows(name)
                if rows:
                    return len(tokens), rows
        return None


def tokenize_webui(
    pieces: Sequence[Piece],
    *,
    padding: int = END,
    backtrack: int = BACKTRACK,
    names: BareNames | None = None,
    table: RowTable | None = None,
) -> WebuiTokens:
    """The chunks of `pieces`; learned vectors in them are numbered by `table`.

    Where a chunk is full and a comma stands at most `backtrack` tokens back, what follows the comma
    moves to the next chunk; 0 switches this off.
    """
    filling = _Filling(padding, backtrack)
    names = BareNames() if names is None else names
    table = RowTable() if table is None else table
    texts = [piece.text for piece in pieces if not piece.breaks]
    found = iter(clip_tokenizer().encode_all(texts))
    for number, piece in enumerate(pieces):
        if piece.breaks:
            filling.finish()
            continue
        ids, place = next(found), 0
        while place < len(ids):
            name = names.at(ids, place)
            filling.make_room(ids[place])
            if name is None:
                filling.add((ids[place],), piece.weight, (number, place))
                place += 1
            else:
                filling.add_whole(table.ids(name[1]), piece.weight, (number, place))
                place += name[0]
    count = filling.count
    chunks = filling.all()
    return WebuiTokens(chunks, count, tuple(filling.origins))


@dataclass(slots=True)
class _Filling:
    """The chunks that are finished, and the tokens of the one being filled.

    A token is its id, its weight, and the piece it is from with its place there.
    """

    padding: int
    backtrack: int
    finished: list[Chunk] = field(default_factory=list)
    origins: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    tokens: list[tuple[int, float, tuple[int, int]]] = field(default_factory=list)
    comma: int = -1

    @property
    def count(self) -> int:
        """75 for each finished chunk, and the tokens of the last one."""
        return CHUNK_TOKENS * len(self.finished) + len(self.tokens)

    def make_room(self, token: int) -> None:
        """Begin the next chunk if this one is full and `token` is to be added."""
        full = len(self.tokens) == CHUNK_TOKENS
        if token == COMMA:
            self.comma = len(self.tokens)
        elif full and self.comma >= 0 and len(self.tokens) - self.comma <= self.backtrack:
            moved = self.tokens[self.comma + 1 :]
            del self.tokens[self.comma + 1 :]
            self.finish()
            self.tokens += moved
            return
        if full:
            self.finish()

    def add(self, ids: Sequence[int], weight: float, origin: tuple[int, int]) -> None:
        self.tokens += [(one, weight, origin) for one in ids]

    def add_whole(self, ids: Sequence[int], weight: float, origin: tuple[int, int]) -> None:
        """Add vectors that stay together; those too many for one chunk fill several."""
        if self.tokens and len(self.tokens) + len(ids) > CHUNK_TOKENS:
            self.finish()
        for start in range(0, len(ids), CHUNK_TOKENS):
            if start:
                self.finish()
            self.add(ids[start : start + CHUNK_TOKENS], weight, origin)

    def finish(self) -> None:
        self.finished.append(self._chunk())
        self.origins.append(tuple(origin for _, _, origin in self.tokens))
        self.tokens = []
        self.comma = -1

    def all(self) -> tuple[Chunk, ...]:
        if self.tokens or not self.finished:
            self.finish()
        return tuple(self.finished)

    def _chunk(self) -> Chunk:
        ids = [one for one, _, _ in self.tokens]
        empty = CHUNK_TOKENS + 1 - len(ids)
        filler = [END] * empty
        if self.padding != END:
            # What follows the first end token, wherever it comes from, is padding.
            first = ids.index(END) if END in ids else len(ids)
            every = ids + filler
            every[first + 1 :] = [self.padding] * (len(every) - first - 1)
            ids, filler = every[: len(ids)], every[len(ids) :]
        return Chunk(
            (START, *ids, *filler),
            (1.0, *(weight for _, weight, _ in self.tokens), *[1.0] * empty),
            (0, *(piece + 1 for _, _, (piece, _) in self.tokens), *[0] * empty),
        )


def empty_chunk(padding: int = END) -> Chunk:
    """What fills up a prompt that has fewer chunks than another of its batch."""
    return pack((), padding=padding)[0]
