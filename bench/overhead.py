"""What the system costs around trivial nodes, seen from a client: HTTP in, websocket out.

    python -m bench.overhead [--runs 5] [--quick]

Prints JSON: medians of seconds for a first run, an identical rerun and one leaf changed, websocket
bytes, memory above idle, the growth of cost per node with size, and what one trivial prompt takes.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from bench.client import Client, Server, Told
from bench.graphs import Prompt, chain, tree, wide

Make = Callable[[int, int, int], Prompt]


async def measure(client: Client, server: Server, make: Make, nodes: int, runs: int) -> Any:
    """First run, identical rerun and one leaf changed, in turn, each ``runs`` times."""
    idle = server.memory()
    first: list[Told] = []
    again: list[Told] = []
    leaf: list[Told] = []
    peak = 0
    for seed in range(runs):
        first.append(await client.run(make(nodes, 1000 * (seed + 1), 1)))
        peak = max(peak, server.memory())
        again.append(await client.run(make(nodes, 1000 * (seed + 1), 1)))
        leaf.append(await client.run(make(nodes, 1000 * (seed + 1), 2)))
    return {
        "nodes": nodes,
        "first_s": _median(first),
        "first_ms_per_node": round(_median(first) / nodes * 1000, 4),
        "identical_rerun_ms": round(_median(again) * 1000, 2),
        "one_leaf_changed_ms": round(_median(leaf) * 1000, 2),
        "websocket_mb": round(statistics.median(t.traffic for t in first) / 2**20, 3),
        "memory_above_idle_mb": round((peak - idle) / 2**20, 1),
        "outputs_told": first[0].outputs,
    }


def _median(told: list[Told]) -> float:
    return round(statistics.median(one.finished for one in told), 5)


async def trivial(client: Client, runs: int) -> dict[str, float]:
    """One prompt of two nodes on an idle server."""
    told = [await client.run(chain(2, seed)) for seed in range(10_000, 10_000 + 20 * runs)]
    return {
        "post_to_answer_ms": round(statistics.median(t.accepted for t in told) * 1000, 2),
        "post_to_first_event_ms": round(statistics.median(t.first for t in told) * 1000, 2),
        "post_to_finished_ms": round(statistics.median(t.finished for t in told) * 1000, 2),
    }


def behind_the_device() -> Prompt:
    """A prompt that ends when the device lane is free."""
    prompt = chain(3, 1)
    prompt["1"] = {"class_type": "BenchDevice", "inputs": {"value": ["0", 0]}}
    return prompt


async def queued(server: Server, session: aiohttp.ClientSession, prompts: int, runs: int) -> float:
    """Prompts a second, from the first POST to the last end, posted over a few connections."""
    rates = []
    for run in range(runs):
        client = await Client.connect(server, session)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        ends = asyncio.create_task(client.ends(prompts))
        gate = asyncio.Semaphore(8)

        async def post(seed: int, client: Client = client, gate: asyncio.Semaphore = gate) -> None:
            async with gate:
                await client.post(chain(2, seed))

        first = 100_000 + run * prompts
        await asyncio.gather(*(post(seed) for seed in range(first, first + prompts)))
        await ends
        rates.append(prompts / (loop.time() - begin))
    return round(statistics.median(rates), 1)


async def unneeded(client: Client, nodes: int) -> float:
    """Seconds for a small prompt that carries a long chain which no output needs."""
    prompt = {f"x{i}": node for i, node in chain(nodes, 5).items() if i != str(nodes - 1)}
    for item in prompt.values():
        value = item["inputs"].get("value")
        if value:
            item["inputs"]["value"] = [f"x{value[0]}", 0]
    return round((await client.run(prompt | chain(3, 77))).finished, 3)


async def everything(base: Path, runs: int, quick: bool) -> dict[str, Any]:
    server = Server(base)
    try:
        async with aiohttp.ClientSession() as session:
            await server.ready(session)
            client = await Client.connect(server, session)
            await client.run(behind_the_device())  # what a fresh worker still imports is over then
            report: dict[str, Any] = {"runs": runs, "trivial": await trivial(client, runs)}
            report["chain"] = await measure(client, server, chain, 1000, runs)
            for name, make in (("wide", wide), ("tree", tree)):
                report[name] = await measure(client, server, make, 5000, runs)
            report["queued_prompts_per_s"] = await queued(server, session, 200, runs)
            if not quick:
                large = await measure(client, server, chain, 20_000, 1)
                ratio = large["first_ms_per_node"] / report["chain"]["first_ms_per_node"]
                report["chain_20000"] = large
                report["growth_to_20000"] = round(ratio, 3)
                report["chain_100000_s"] = (await client.run(chain(100_000, 3))).finished
                report["unneeded_100000_s"] = await unneeded(client, 100_000)
            return report
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="leave the largest graphs out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        found = asyncio.run(everything(Path(base), options.runs, options.quick))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
