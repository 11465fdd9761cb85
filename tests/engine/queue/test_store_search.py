"""Finding jobs: pages, sorting, filters, and a text index that takes whatever is typed."""

import json
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.queue.body import Body
from engine.queue.job import Submission
from engine.queue.listings import JobsQuery
from engine.queue.search import COLUMNS, query_of, terms_of
from engine.queue.store import Store
from tests.engine.queue.stores import DONE, accepted, claimed, job


def painting(job_id: str, text: str, model: str, lora: str, seed: int) -> Submission:
    nodes: dict[str, Any] = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": model}},
        "2": {"class_type": "LoraLoader", "inputs": {"lora_name": lora, "strength_model": 0.8}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": text}, "_meta": {"title": "Yes"}},
        "4": {"class_type": "KSampler", "inputs": {"seed": seed, "steps": 777, "model": ["1", 0]}},
    }
    return job(job_id, prompt=Body.of(nodes))


@pytest.fixture
async def gallery(store: Store) -> Store:
    for submission in (
        painting("castle", "a castle in the fog", "sd15.safetensors", "fog/Mist_v2.safetensors", 1),
        painting("cat", "a cat, FOGGY morning", "dream.ckpt", "paws.safetensors", 421),
        painting("sea", "nothing but sea", "sd15.safetensors", "paws.safetensors", 42),
    ):
        await store.accept(submission, 1)
        await store.finish(await claimed(store), DONE)
    return store


async def found(store: Store, search: str) -> set[str]:
    """The ids that both listings find, which must agree."""
    entries = set(json.loads(await store.history(search=search)))
    page = await store.jobs(JobsQuery(search=search))
    assert {json.loads(text)["id"] for text in page.jobs} == entries
    assert page.total == len(entries)
    return entries


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("", {"castle", "cat", "sea"}),
        ("castle", {"castle"}),
        ("FOG", {"castle", "cat"}),
        ("text:fog", {"castle", "cat"}),
        ("fog morning", {"cat"}),
        ('"the fog"', {"castle"}),
        ('"fog the"', set()),
        ("model:sd15", {"castle", "sea"}),
        ("model:sd15.safetensors sea", {"sea"}),
        ("model:dream", {"cat"}),
        ("lora:paws", {"cat", "sea"}),
        ("lora:mist_v2", {"castle"}),
        ("lora:sd15", set()),
        ("seed:42", {"sea"}),
        ("42", {"cat", "sea"}),
        ("class:ksampler seed:1", {"castle"}),
        ("yes", {"castle", "cat", "sea"}),
        ("777", set()),
        ("nowhere", set()),
    ],
)
async def test_prompts_are_found_by_what_is_in_them(gallery: Store, search: str, ids: set[str]):
    assert await found(gallery, search) == ids


async def test_what_waits_is_found_among_jobs_too(gallery: Store):
    await gallery.accept(painting("more", "a castle", "x.ckpt", "y.pt", 7), 1)
    page = await gallery.jobs(JobsQuery(search="castle", states=("pending",)))
    assert [json.loads(text)["id"] for text in page.jobs] == ["more"]
    assert set(json.loads(await gallery.history(search="castle"))) == {"castle"}


async def test_searches_are_paged(gallery: Store):
    assert list(json.loads(await gallery.history(max_items=1, search="paws"))) == ["sea"]
    assert list(json.loads(await gallery.history(1, 0, "paws"))) == ["cat"]
    page = await gallery.jobs(JobsQuery(search="paws", limit=1, offset=1))
    assert (page.total, len(page.jobs)) == (2, 1)


async def test_what_was_forgotten_is_not_found(gallery: Store):
    await gallery.forget(["castle"])
    assert await found(gallery, "fog") == {"cat"}
    await gallery.forget()
    assert await found(gallery, "paws") == set()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text('":*()^-+{}\\ andornearAND<>,.%_\x00' + "ab", max_size=40))
def test_whatever_is_typed_is_a_question_and_no_error(typed: str):
    connection = sqlite3.connect(":memory:")
    connection.execute(f"create virtual table searchable using fts5 ({', '.join(COLUMNS)})")
    connection.execute("insert into searchable (words) values ('a and b')")
    query = query_of(typed)
    if query is not None:
        connection.execute("select * from searchable where searchable match ?", (query,)).fetchall()
    connection.close()


def test_long_texts_and_long_questions_are_cut():
    nodes = {"1": {"class_type": "T", "inputs": {"text": "word " * 100_000, "seed": 10**400}}}
    terms = terms_of(nodes)
    assert len(terms.words) <= 10_000
    assert len(query_of("word " * 100_000) or "") < 2000


def test_only_names_of_weights_are_files():
    inputs = {"a": "x.safetensors", "b": "x.png", "c": 5, "lora_1": "y.pt", "d": ["1", 0]}
    terms = terms_of({"1": {"class_type": "T", "inputs": inputs}})
    assert terms.files == ("x.safetensors", "y.pt")
    assert (terms.models, terms.loras, terms.words) == ("x.safetensors", "y.pt", "x.png")


async def test_pages_have_filters_sorting_and_totals(store: Store):
    for number, job_id in enumerate(("first", "second", "third")):
        await store.accept(job(job_id), created_ms=number)
    await store.finish(await claimed(store), DONE)
    await store.finish(await claimed(store), replace(DONE, status="error"))

    async def ids(**query: Any) -> list[str]:
        page = await store.jobs(JobsQuery(**query))
        return [json.loads(text)["id"] for text in page.jobs]

    assert await ids() == ["third", "second", "first"]
    assert await ids(ascending=True) == ["first", "second", "third"]
    assert await ids(states=("completed", "failed")) == ["second", "first"]
    assert await ids(states=("cancelled",)) == []
    assert await ids(limit=1, offset=1) == ["second"]
    assert await ids(offset=5) == []
    assert sorted(await ids(by_duration=True)) == ["first", "second", "third"]
    page = json.loads((await store.jobs(JobsQuery(limit=2))).to_json())["pagination"]
    assert page == {"offset": 0, "limit": 2, "total": 3, "has_more": True}
    page = json.loads((await store.jobs(JobsQuery())).to_json())["pagination"]
    assert page == {"offset": 0, "limit": 3, "total": 3, "has_more": False}


async def test_jobs_of_a_workflow(store: Store):
    extra = {"extra_pnginfo": {"workflow": {"id": "flow-1"}}}
    await accepted(store, "mine", extra=extra)
    await accepted(store, "odd", extra={"extra_pnginfo": {"workflow": ["id"]}})
    await accepted(store, "other")
    page = await store.jobs(JobsQuery(workflow_id="flow-1"))
    assert [json.loads(text)["workflow_id"] for text in page.jobs] == ["flow-1"]
