"""``POST /plan`` and ``"dry_run"`` of a real server: what a prompt would do, and nothing done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.web.server.serving import Server, chain, wait_for


def planned(server: Server, prompt: Any, **more: Any) -> dict[str, Any]:
    answer = server.post("/plan", {"prompt": prompt, **more})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def test_a_plan_says_what_would_run_and_what_is_cached(server: Server):
    server.finished(server.submit(chain("ToySlow", value=201)))
    prompt = chain("ToySlow", "ToyPrint", value=201)
    plan = planned(server, prompt)["plan"]
    assert [item["node_id"] for item in plan["run"]] == ["3", "4"], "sources first"
    assert plan["cached"] == ["2"], "what lies above is not looked at"
    assert plan["run"][0]["text"].startswith("would run")
    assert plan["problems"] == plan["missing_models"] == []


def test_nothing_is_queued_and_nothing_runs(server: Server):
    before = server.get("/history").json
    for path in ("/plan", "/api/plan", "/prompt"):
        body = {"prompt": chain("ToyFail", value=202), "dry_run": True, "prompt_id": "dry"}
        answer = server.post(path, body)
        assert answer.status == 200
        assert set(answer.json) == {"plan", "node_errors"}
        assert len(answer.json["plan"]["run"]) == 3
    assert server.get("/history").json == before
    assert server.pending() == server.running() == []


def test_time_is_expected_from_earlier_runs_of_the_class(server: Server):
    server.finished(server.submit(chain("ToySlow", value=203, seconds=0.3)))
    plan = planned(server, chain("ToySlow", "ToyDeaf", value=204, seconds=0))["plan"]
    expected = plan["expected"]
    assert expected["seconds"] > 0
    assert expected["unknown"] == ["ToyDeaf"], "no figures are made up"
    assert "mean" in expected["basis"]
    seconds = {item["class_type"]: item["seconds"] for item in plan["run"]}
    assert seconds["ToySlow"] > 0
    assert seconds["ToyDeaf"] is None


def test_a_plan_does_not_wait_for_what_runs(server: Server, gate: Path):
    prompt_id = server.submit(chain("ToyGate", file=str(gate)))
    wait_for(lambda: Path(f"{gate}.began").exists())
    assert len(planned(server, chain("ToySlow", value=205))["plan"]["run"]) == 3
    assert server.running() == [prompt_id]


def test_missing_files_are_listed_with_their_folder(server: Server):
    prompt = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "gone.safetensors"}},
        "2": {"class_type": "VAELoader", "inputs": {"vae_name": "lost.pt"}},
        "3": {"class_type": "LoadImage", "inputs": {"image": "no.png"}},
        "4": {"class_type": "VAEEncode", "inputs": {"pixels": ["3", 0], "vae": ["2", 0]}},
        "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "x"}},
    }
    answer = planned(server, prompt)
    assert answer["error"]["type"] == "prompt_outputs_failed_validation"
    assert set(answer["node_errors"]) == {"1", "2", "3"}
    plan = answer["plan"]
    found = {(m["node_id"], m["input"], m["name"], m["kind"]) for m in plan["missing_models"]}
    assert found == {
        ("1", "ckpt_name", "gone.safetensors", "checkpoints"),
        ("2", "vae_name", "lost.pt", "vae"),
        ("3", "image", "no.png", "input"),
    }
    assert plan["problems"] == [], "a missing file is said once"
    assert plan["run"] == plan["cached"] == []


def test_missing_files_are_found_behind_a_class_that_is_missing_too(server: Server):
    prompt = {
        "1": {"class_type": "VAELoader", "inputs": {"vae_name": "lost.pt"}},
        "2": {"class_type": "SomeonesNode", "inputs": {"vae": ["1", 0]}, "_meta": {"title": "Up"}},
    }
    plan = planned(server, prompt)["plan"]
    assert [item["name"] for item in plan["missing_models"]] == ["lost.pt"]
    (problem,) = plan["problems"]
    assert (problem["node_id"], problem["type"]) == ("2", "missing_node_type")
    assert problem["message"] == "Node 'Up' is of type 'SomeonesNode', which is not installed."


def test_other_mistakes_are_problems_of_their_nodes(server: Server):
    prompt = {**chain("ToySlow", value=206), "bad": {"class_type": "ToyShow", "inputs": {}}}
    plan = planned(server, prompt)["plan"]
    assert [(p["node_id"], p["type"]) for p in plan["problems"]] == [
        ("bad", "required_input_missing")
    ]
    assert len(plan["run"]) == 3, "the good output is planned"
    (problem,) = planned(server, {"1": {"class_type": "ToyNumber"}})["plan"]["problems"]
    assert problem["type"] == "prompt_no_outputs"


def drawing(server: Server, lora: str) -> dict[str, Any]:
    checkpoint = server.get("/models/checkpoints").json[0]
    strengths = {"strength_model": 1, "strength_clip": 1}
    prompts = {"positive": ["3", 0], "negative": ["3", 0]}
    numbers = {"seed": 1, "steps": 1, "cfg": 1.0, "denoise": 1.0}
    sampling = {"sampler_name": "euler", "scheduler": "normal", **prompts, **numbers}
    nodes = {
        "1": ("CheckpointLoaderSimple", {"ckpt_name": checkpoint}),
        "2": (
            "LoraLoader",
            {"model": ["1", 0], "clip": ["1", 1], "lora_name": lora, **strengths},
        ),
        "3": ("CLIPTextEncode", {"clip": ["2", 1], "text": "a star"}),
        "4": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "5": ("KSampler", {"model": ["2", 0], "latent_image": ["4", 0], **sampling}),
        "6": ("VAEDecode", {"samples": ["5", 0], "vae": ["1", 2]}),
        "7": ("SaveImage", {"images": ["6", 0], "filename_prefix": "x"}),
    }
    return {i: {"class_type": name, "inputs": inputs} for i, (name, inputs) in nodes.items()}


def torn(path: Path) -> None:
    path.write_bytes(b"\x10\0\0\0\0\0\0\0 no header")


def of_another_model(path: Path) -> None:
    down, up = np.zeros((4, 16), np.float32), np.zeros((16, 4), np.float32)
    layer = "lora_unet_double_blocks_0_img_attn_qkv"
    save_file({f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up}, path)


@pytest.mark.parametrize("make", [torn, of_another_model])
def test_a_lora_that_cannot_be_applied_is_a_problem_of_its_node(
    server: Server, make: Callable[[Path], None]
):
    name = f"{make.__name__}.safetensors"
    folder = server.base / "models" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    make(folder / name)
    plan = planned(server, drawing(server, name))["plan"]
    (problem,) = plan["problems"]
    assert problem["node_id"] == "2"
    assert make.__name__ in problem["message"]
    assert plan["missing_models"] == []


@pytest.mark.parametrize(
    "body",
    [b"[]", b'{"prompt": 5}', b'{"prompt": {"1": 5}}', b"{}", b'{"prompt": {}, "extra_data": 1}'],
)
def test_what_is_no_prompt_is_refused_as_by_prompt(server: Server, body: bytes):
    answers = [server.post(path, body) for path in ("/plan", "/prompt")]
    assert [answer.status for answer in answers] == [400, 400]
    assert answers[0].json == answers[1].json
