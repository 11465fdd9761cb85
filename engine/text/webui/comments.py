"""`#` comments in the webui dialect."""

import re

# A comment that is a line of its own goes with the line feed before it; so of two such lines that
# follow each other the second is left for the other pattern.
_LINES = re.compile(r"(?:\A|\n)#[^\n]*(?:\n|\Z)")
_ENDS = re.compile(r"#[^\n]*(?:\n|\Z)")


def comments_replaced(text: str) -> tuple[str, list[int]]:
    """`without_comments(text)`, and where each of its characters stood."""
    places = list(range(len(text)))
    for pattern in (_LINES, _ENDS):
        kept: list[tuple[str, list[int]]] = []
        at = 0
        for match in pattern.finditer(text):
            start, end = match.span()
            kept += [(text[at:start], places[at:start]), ("\n", places[start : start + 1])]
            at = end
        kept.append((text[at:], places[at:]))
        text = "".join(part for part, _ in kept)
        places = [place for _, part in kept for place in part]
    return text, places


def without_comments(text: str) -> str:
    """`text` with each comment as a line feed. A `#` anywhere begins one, in `#1girl` too."""
    if "#" not in text:
        return text
    return _ENDS.sub("\n", _LINES.sub("\n", text))
