r"""`{a|b}` and comments: templates of prompts to prompts.

`resolve_template` does what the canvas does when it queues a prompt; `choose` lets others say what
a choice becomes (`wildcards.py` knows counts and weights). A template is read once into a tree, in
time linear in its length, and only the options that are taken are looked at.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\\.|[{}|]|[^\\{}|]++|\\", re.DOTALL)
_OPENING = re.compile(r"//|/\*")
_LINE_REMARK = re.compile("//")
_LINE_END = re.compile("[\n\r\u2028\u2029]")
_ESCAPED = re.compile(r"\\([{}|])")

Roll = Callable[[], float]
"""A random number, 0 <= r < 1."""


@dataclass(slots=True)
class Choice:
    """`{...}`: its options, at least one."""

    options: list["Template"]


@dataclass(slots=True)
class Template:
    """Texts and choices in reading order."""

    items: list[str | Choice] = field(default_factory=list)


Pick = Callable[[Choice], list[Template | str]]
"""What a choice becomes, in reading order."""


def resolve_template(text: str, roll: Roll) -> str:
    """`text` without comments, one option taken of each choice.

    Random numbers are used in reading order, one for each choice that is met. Never raises.

    >>> resolve_template("a {big|small} cat // or dog", lambda: 0.9)
    'a small cat '
    """

    def pick(choice: Choice) -> list[Template | str]:
        return [choice.options[place(roll, len(choice.options))]]

    return unescaped(choose(read_template(without_remarks(text)), pick))


def place(roll: Roll, count: int) -> int:
    """One of `count` places, all equally probable."""
    return min(int(roll() * count), count - 1)


def choose(template: Template, pick: Pick) -> str:
    """The text that `template` becomes; escapes stay."""
    said: list[str] = []
    todo: list[str | Choice | Template] = [template]
    while todo:
        match todo.pop():
            case str(text):
                said.append(text)
            case Choice() as choice:
                todo += reversed(pick(choice))
            case Template(items):
                todo += reversed(items)
    return "".join(said)


def unescaped(text: str) -> str:
    r"""`text` with `\{`, `\}` and `\|` as plain characters."""
    return _ESCAPED.sub(r"\1", text)


def read_template(text: str) -> Template:
    """The choices in `text`. One that is not closed ends with the text."""
    root = Template()
    here, around = root, list[tuple[Template, Choice]]()
    for match in _TOKEN.finditer(text):
        found = match[0]
        if found == "{":
            choice = Choice([Template()])
            here.items.append(choice)
            around.append((here, choice))
            here = choice.options[0]
        elif found == "|" and around:
            here = Template()
            around[-1][1].options.append(here)
        elif found == "}" and around:
            here = around.pop()[0]
        else:
            here.items.append(found)
    return root


def without_remarks(text: str) -> str:
    """`text` without `/* ... */` and without `//` to the end of the line, in web addresses too."""
    kept: list[str] = []
    at, opening = 0, _OPENING
    while match := opening.search(text, at):
        start = match.start()
        if match[0] == "//":
            end = _LINE_END.search(text, start)
            kept.append(text[at:start])
            at = end.start() if end else len(text)
        elif (close := text.find("*/", start + 2)) >= 0:
            kept.append(text[at:start])
            at = close + 2
        else:
            # Nothing closes this one, nor any that opens later.
            kept.append(text[at : start + 1])
            at, opening = start + 1, _LINE_REMARK
    return "".join(kept) + text[at:]
