"""`#` comments in the webui dialect."""

import re

# A comment that is a line of its own goes with the line feed before it; so of two such lines that
# follow each other the second is left for the other pattern.
_LINES = re.compile(r"(?:\A|\n)#[^\n]*(?:\n|\Z)")
_ENDS = re.compile(r"#[^\n]*(?:\n|\Z)")


def without_comments(text: str) -> str:
    """`text` with each comment as a line feed. A `#` anywhere begins one, in `#1girl` too."""
    if "#" not in text:
        return text
    return _ENDS.sub("\n", _LINES.sub("\n", text))
