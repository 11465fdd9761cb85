"""Text as tokenizers take it: half characters, and the reading of older tokenizers."""

import re
import unicodedata

_HALVES = re.compile("[\ud800-\udfff]")
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
_CJK = re.compile(
    "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f]"
)


def whole(text: str) -> str:
    """`text` with halves of characters joined, or replaced where the other half is missing.

    JSON can hold such halves; tokenizers, whose text is UTF-8, cannot.
    """
    if not _HALVES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def as_read_by_legacy_tokenizers(text: str) -> str:
    """`text` cleaned so that the tokenizer of today gives what older installations' gave.

    Pictures made with the pure-Python CLIP tokenizer differ where a prompt holds control
    characters, CJK ideographs or Greek final sigmas.
    """
    kept = "".join(_cleaned(char) for char in whole(text))
    spaced = unicodedata.normalize("NFC", _CJK.sub(r" \g<0> ", kept))
    return " ".join(word if word in _SPECIAL else word.lower() for word in spaced.split())


def _cleaned(char: str) -> str:
    if char in "\t\n\r":
        return " "
    if char == "\ufffd":
        return ""
    category = unicodedata.category(char)
    if category.startswith("C"):
        return ""
    return " " if category == "Zs" else char
