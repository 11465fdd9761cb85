"""What nodes, models and features there are."""

import json
from pathlib import Path

from tests.web.server.serving import Server, chain, wait_for


def test_every_class_is_described(server: Server):
    info = server.get("/object_info").json
    assert {"ToyNumber", "KSampler", "LoraLoader", "SaveImage"} <= set(info)
    toy = info["ToySlow"]
    assert toy["input"]["required"]["steps"] == ["INT", {"default": 3}]
    assert toy["output"] == ["INT"]
    assert toy["python_module"] == "custom_nodes.toys"
    assert info["ToyShow"]["output_node"] is True


def test_one_class_is_described_alone(server: Server):
    everything = server.get("/object_info").json
    assert server.get("/object_info/ToyShow").json == {"ToyShow": everything["ToyShow"]}
    assert server.get("/object_info/Nothing").json == {}


def test_an_unchanged_document_is_not_sent_again(server: Server):
    first = server.get("/object_info")
    again = server.get("/api/object_info", {"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_new_files_show_at_once_and_change_the_etag(server: Server):
    before = server.get("/object_info")
    folder = server.base / "models" / "loras" / "sub"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "new.safetensors").write_bytes(b"")
    after = server.get("/object_info", {"If-None-Match": before.headers["ETag"]})
    assert after.status == 200
    names = after.json["LoraLoader"]["input"]["required"]["lora_name"][0]
    assert "sub/new.safetensors" in names
    assert "sub/new.safetensors" in server.get("/models/loras").json
    (folder / "new.safetensors").unlink()
    assert server.get("/object_info").headers["ETag"] == before.headers["ETag"]


def test_a_class_of_a_pack_says_at_each_question_what_it_offers_now(server: Server):
    folder = server.base / "listing"
    folder.mkdir(exist_ok=True)
    wait_for(lambda: _with_devices(server))  # only a worker can ask the class

    def offered(path: str) -> list[str]:
        return server.get(path).json["ToyListing"]["input"]["required"]["name"][0]

    before = server.get("/object_info").headers["ETag"]
    (folder / "one.txt").touch()
    assert offered("/object_info") == ["one.txt"]
    (folder / "two.txt").touch()
    assert offered("/object_info/ToyListing") == ["one.txt", "two.txt"]
    (folder / "one.txt").unlink()
    (folder / "two.txt").unlink()
    assert server.get("/object_info").headers["ETag"] == before


def test_a_prompt_may_name_what_came_after_the_last_question(server: Server):
    wait_for(lambda: _with_devices(server))
    server.get("/object_info")
    file = server.base / "listing" / "new.txt"
    prompt = {"1": {"class_type": "ToyListing", "inputs": {"name": "new.txt"}}}
    assert server.post("/prompt", {"prompt": prompt}).status == 400
    file.touch()
    entry = server.finished(server.submit(prompt))
    assert entry["outputs"] == {"1": {"text": ["new.txt"]}}
    file.unlink()


def test_models_are_listed_by_kind(server: Server):
    assert {"checkpoints", "loras", "vae", "embeddings"} <= set(server.get("/models").json)
    answer = server.get("/models/unknown")
    assert (answer.status, answer.json["error"]["type"]) == (404, "not_found")


def test_embeddings_are_named_without_suffix(server: Server):
    folder = server.base / "models" / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bad.hands.pt").write_bytes(b"")
    assert server.get("/embeddings").json == ["bad.hands"]


def test_the_system_is_described(server: Server):
    stats = wait_for(lambda: _with_devices(server))
    assert stats["system"]["ram_total"] > stats["system"]["ram_free"] > 0
    assert len(stats["system"]["comfyui_version"].split(".")) == 3
    assert stats["devices"][0]["type"] == "cpu"
    assert stats["devices"][0]["vram_total"] > 0


def _with_devices(server: Server) -> dict | None:
    stats = server.get("/system_stats").json
    return stats if stats["devices"] else None


def test_the_small_routes_that_clients_start_with(server: Server):
    assert server.get("/extensions").json == []
    assert server.get("/users").json == {"storage": "server", "migrated": True}
    assert server.get("/i18n").json == {}


def test_a_second_start_answers_before_the_worker_is_up(tmp_path: Path):
    """The second server's worker never comes up, so the answer cannot be its."""
    base, broken = tmp_path / "base", tmp_path / "broken"
    base.mkdir()
    broken.mkdir()
    (broken / "torch.py").write_text("import time; time.sleep(600)")
    first = Server(base)
    document = first.get("/object_info")
    wait_for((base / "user" / "catalogue.json").exists)
    assert first.stop() == 0
    second = Server(base, env={"PYTHONPATH": str(broken)})
    try:
        assert second.get("/object_info").body == document.body
        prompt_id = second.submit(chain())
        assert second.pending() == [prompt_id], "it is accepted, and waits"
    finally:
        second.stop()


def test_a_pack_that_is_added_is_seen_at_the_next_start(tmp_path: Path):
    first = Server(tmp_path)
    assert "Added" not in first.get("/object_info").json
    first.stop()
    pack = "from engine.graph.native import node\n"
    pack += (
        '@node("Added", category="toy")\ndef added(*, value: int = 1) -> int:\n    return value\n'
    )
    (tmp_path / "custom_nodes" / "added.py").write_text(pack)
    second = Server(tmp_path)
    try:
        assert "Added" in second.get("/object_info").json
    finally:
        second.stop()


def test_the_catalogue_on_disk_is_plain_data(server: Server):
    wait_for((server.base / "user" / "catalogue.json").exists)
    kept = json.loads((server.base / "user" / "catalogue.json").read_bytes())
    assert {spec["class_type"] for spec in kept["catalogue"]} == set(
        server.get("/object_info").json
    )
