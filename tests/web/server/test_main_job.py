"""The main job over the network: the first graph and the starter models, from POST to picture."""

import asyncio
import io
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from tests.web.server.serving import Server
from tools.readme_pictures import graph

TEXT = "a large red star above a small blue ring on a yellow background"
CHAIN = (("starter-outline", 0.6), ("starter-detail", 0.5))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an empty base directory: all models are those that come with the package.

    Nothing is kept on disk, so that what memory gives back is computed again.
    """
    server = Server(tmp_path_factory.mktemp("studio"), "--cache-disk", "0")
    yield server
    assert server.stop() == 0


async def watch(server: Server, prompt: dict[str, Any], **extra: Any) -> list[Any]:
    """Queue a prompt with a websocket open; what the socket said until the run was over."""
    async with aiohttp.ClientSession() as session:
        address = f"{server.address}/ws?clientId=watcher"
        async with session.ws_connect(address, max_msg_size=0) as socket:
            body = {"prompt": prompt, "client_id": "watcher", "extra_data": extra}
            async with session.post(f"{server.address}/prompt", json=body) as answer:
                assert answer.status == 200, await answer.text()
            heard: list[Any] = []
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    heard.append(message.data)
                    continue
                heard.append(json.loads(message.data))
                data = heard[-1]["data"]
                if heard[-1]["type"] == "executing" and data["node"] is None:
                    break
            return heard


def picture(server: Server, heard: list[Any]) -> Image.Image:
    (item,) = next(
        m["data"]["output"]["images"]
        for m in heard
        if isinstance(m, dict) and m["type"] == "executed" and m["data"]["node"] == "save"
    )
    name = f"filename={item['filename']}&subfolder={item['subfolder']}&type={item['type']}"
    return Image.open(io.BytesIO(server.get(f"/view?{name}").body))


def run(server: Server, prompt: dict[str, Any], **extra: Any) -> tuple[Image.Image, list[Any]]:
    heard = asyncio.run(watch(server, prompt, **extra))
    return picture(server, heard), heard


def pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(image.convert("RGB"), dtype=np.int16)


def test_two_loras_draw_what_the_prompt_says(studio: Server) -> None:
    image, heard = run(studio, graph(TEXT, 7, CHAIN), preview_method="latent2rgb")
    assert image.size == (128, 128)
    background = np.median(pixels(image)[:, :12].reshape(-1, 3), axis=0)
    red, green, blue = background
    assert red > blue + 30, f"the background should be yellow, it is {background}"
    assert green > blue + 30, f"the background should be yellow, it is {background}"
    steps = [m["data"]["value"] for m in heard if isinstance(m, dict) and m["type"] == "progress"]
    assert steps == list(range(1, 21))
    assert sum(isinstance(m, bytes) for m in heard) >= 1, "previews were asked for"


def test_the_same_graph_gives_the_same_picture_again(studio: Server) -> None:
    first, _ = run(studio, graph(TEXT, 11, CHAIN))
    studio.post("/free", {"unload_models": True, "free_memory": True})
    again, heard = run(studio, graph(TEXT, 11, CHAIN))
    cached = next(m for m in heard if isinstance(m, dict) and m["type"] == "execution_cached")
    assert cached["data"]["nodes"] == [], "the second picture must be computed, not remembered"
    assert (pixels(first) == pixels(again)).all()


def test_the_picture_carries_its_graph(studio: Server) -> None:
    prompt = graph(TEXT, 12, CHAIN)
    image, _ = run(studio, prompt, extra_pnginfo={"workflow": {"nodes": [], "mine": 1}})
    text: dict[str, str] = image.text  # type: ignore[attr-defined]
    assert json.loads(text["prompt"]) == prompt
    assert json.loads(text["workflow"]) == {"nodes": [], "mine": 1}


def test_each_lora_changes_the_picture_and_zero_does_not(studio: Server) -> None:
    plain, _ = run(studio, graph(TEXT, 13, ()))
    for name in ("starter-outline", "starter-dark", "starter-detail"):
        changed, _ = run(studio, graph(TEXT, 13, ((name, 1.0),)))
        assert np.abs(pixels(changed) - pixels(plain)).mean() > 1, name
    zero, heard = run(studio, graph(TEXT, 13, (("starter-dark", 0.0),)))
    executed = [m for m in heard if isinstance(m, dict) and m["type"] == "executing"]
    assert [m["data"]["node"] for m in executed] == [None], "a strength of 0 is no LoRA at all"
    assert (pixels(zero) == pixels(plain)).all()


def test_the_dark_lora_darkens_one_way_and_brightens_the_other(studio: Server) -> None:
    def luminance(strength: float) -> float:
        image, _ = run(studio, graph(TEXT, 14, (("starter-dark", strength),)))
        return float(pixels(image).mean())

    levels = [luminance(strength) for strength in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert levels == sorted(levels, reverse=True)


def test_the_shipped_models_are_on_offer(studio: Server) -> None:
    info = studio.get("/object_info/CheckpointLoaderSimple").json["CheckpointLoaderSimple"]
    assert "patchbay-starter.safetensors" in info["input"]["required"]["ckpt_name"][0]
    loras = studio.get("/models/loras").json
    assert {"starter-dark.safetensors", "starter-outline.safetensors"} <= set(loras)
