"""The graphs of the benches: chains, wide graphs and trees of trivial nodes, in API format."""

from typing import Any

Prompt = dict[str, Any]


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def chain(nodes: int, seed: int, leaf: int = 1) -> Prompt:
    """One line of nodes from a start to an output; ``leaf`` is a constant of the last step."""
    prompt: Prompt = {"0": _node("BenchStart", seed=seed)}
    for n in range(1, nodes - 1):
        amount = leaf if n == nodes - 2 else 1
        prompt[str(n)] = _node("BenchStep", value=[str(n - 1), 0], amount=amount)
    prompt[str(nodes - 1)] = _node("BenchEnd", value=[str(nodes - 2), 0])
    return prompt


def wide(nodes: int, seed: int, leaf: int = 1) -> Prompt:
    """One start, and half as many steps as nodes, each with an output of its own."""
    prompt: Prompt = {"0": _node("BenchStart", seed=seed)}
    for n in range((nodes - 1) // 2):
        amount = -leaf if n == 7 else n
        prompt[f"s{n}"] = _node("BenchStep", value=["0", 0], amount=amount)
        prompt[f"e{n}"] = _node("BenchEnd", value=[f"s{n}", 0])
    return prompt


def tree(nodes: int, seed: int, leaf: int = 1) -> Prompt:
    """Half of the nodes are starts, joined two by two down to one output; ``leaf`` is in one
    start.
    """
    starts = nodes // 2
    prompt: Prompt = {}
    level = []
    for n in range(starts):
        prompt[f"l{n}"] = _node("BenchStart", seed=-leaf if n == 7 else seed + n)
        level.append(f"l{n}")
    count = 0
    while len(level) > 1:
        above = []
        for a, b in zip(level[::2], level[1::2], strict=False):
            prompt[f"j{count}"] = _node("BenchJoin", a=[a, 0], b=[b, 0], amount=0)
            above.append(f"j{count}")
            count += 1
        level = above + ([level[-1]] if len(level) % 2 else [])
    prompt["end"] = _node("BenchEnd", value=[level[0], 0])
    return prompt
