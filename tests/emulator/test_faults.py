"""Faults: what the caller sees of each, and what is kept. ``docs/reliability.md`` lists them with their tests."""

import json
import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from aws_emulator.archives import archive_bytes
from aws_emulator.gateways import CHAT, EMBED, VECTOR, at, chat, deployed, embeddings, speaks_openai
from aws_emulator.viewer import served
from aws_programs import KEYED, MODEL_KEY
from model_kit import Exchange, message

from inference_edge_cache.client import EXTENSION, EdgeCacheTransport, Served
from inference_edge_cache.gateway import assembly

TIMEOUT = 3
"""Seconds for an answer of the model's. Everybody else has more, however slow a machine these tests run on."""


@pytest.fixture(scope="module")
def server(aws, servers):
    return servers(aws.certificates.server())


WELL = threading.Event()
"""Not set while the model of a test has its fault. What hangs lets go when it is."""


@pytest.fixture
def model(server):
    """A model that is well again after each test."""
    WELL.clear()
    yield server
    recovers(server)


def recovers(server):
    server.answer = speaks_openai
    WELL.set()


@pytest.fixture(scope="module")
def faulty(aws, server):
    """A deployment to which things happen."""
    with deployed(
        aws,
        origin={"url": at(server), "headers": {"x-api-key": MODEL_KEY}},
        routes=[{"preset": "embeddings"}, {"preset": "openai_chat"}],
        **KEYED,
        overrides={"gateway": {"environment": {"variables": {assembly.TIMEOUT: str(TIMEOUT)}}}},
    ) as faulty:
        yield faulty


@pytest.fixture
def cache(faulty, model):
    return faulty


@pytest.fixture
def text(request):
    """A text that no other test asks for, so that each begins with nothing stored."""
    return request.node.name


# The model ------------------------------------------------------------------------------------------------------------
def fails(exchange: Exchange) -> bool:
    exchange.send(message(b'{"error": "out of memory"}', "500 Internal Server Error"))
    return True


def hangs(exchange: Exchange) -> bool:
    WELL.wait(60)
    return False


def drips(exchange: Exchange) -> bool:
    """A byte from time to time: never silent for long, and never done in time."""
    for byte in message(b'{"object": "list"}'):
        if WELL.wait(0.2):
            break
        exchange.send(bytes([byte]))
    return False


def closes(exchange: Exchange) -> bool:
    whole = message(b'{"object": "list", "data": []}')
    exchange.send(whole[:-10])
    return False


def hangs_up(exchange: Exchange) -> bool:
    return False


def babbles(exchange: Exchange) -> bool:
    exchange.send(b"220 mail.example.com ESMTP\r\n")
    return False


FAULTS = [
    pytest.param(fails, 500, id="answers 500"),
    pytest.param(hangs, 504, id="hangs"),
    pytest.param(drips, 504, id="is too slow"),
    pytest.param(closes, 502, id="closes mid-body"),
    pytest.param(hangs_up, 502, id="closes before it answers"),
    pytest.param(babbles, 502, id="speaks no HTTP"),
]


@pytest.mark.parametrize(("fault", "status"), FAULTS)
def test_a_model_that_fails_is_said_and_nothing_is_kept(cache, model, text, fault, status):
    """By path, as the client transport asks; once the model is well, what was asked for is there."""
    kept, body = cache.keys(), embeddings(text)
    path, payload = cache.path(EMBED, body)
    model.answer, asked = fault, len(model.seen)
    answer = cache.get(path, payload)
    assert (answer.status, answer.headers["cache-control"]) == (status, "no-store")
    assert len(model.seen) == asked + 1  # nobody tries again
    assert cache.keys() == kept

    recovers(model)
    # A call that hung is given up when it is let go: until then who asks for the same waits with it.
    eventually(lambda: cache.get(path, payload).status == 200)
    assert cache.get(path).status == 200
    assert cache.keys() == sorted([*kept, path.removeprefix("/")])


def test_who_asks_for_what_hangs_waits_with_it(cache, model, text):
    """In the same process: the model is not asked again for what it is working on, for a minute beyond the caller."""
    model.answer, asked = hangs, len(model.seen)
    assert [cache.post(EMBED, embeddings(text)).status for _ in range(2)] == [504, 504]
    assert len(model.seen) == asked + 1


@pytest.mark.parametrize(("fault", "status"), [FAULTS[0], FAULTS[3]])
def test_a_plain_client_is_told_the_same(cache, model, text, fault, status):
    kept, model.answer = cache.keys(), fault
    answer = cache.post(EMBED, embeddings(text))
    assert (answer.status, answer.headers["cache-control"]) == (status, "no-store")
    assert cache.keys() == kept


def test_what_is_stored_is_answered_while_the_model_is_down(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    first = cache.get(path, payload)
    model.answer = hangs_up
    assert cache.get(path).body == first.body
    assert cache.post(EMBED, embeddings(text)).body == first.body


def test_a_stream_that_breaks_off_is_not_kept(cache, model, text):
    def breaks_off(exchange: Exchange) -> bool:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        exchange.send(b'12\r\ndata: {"choices":\r\n')
        return False

    kept, model.answer = cache.keys(), breaks_off
    answer = cache.post(CHAT, chat(text, stream=True))
    assert (answer.status, answer.headers["cache-control"]) == (502, "no-store")
    assert cache.keys() == kept


def eventually(holds):
    """Ask until it holds, for a minute at most."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline


# The bucket -----------------------------------------------------------------------------------------------------------
@contextmanager
def role_without(cache, *sids):
    """The gateway's role without some of what it may."""
    client = cache.aws.client("iam")
    which = {"RoleName": cache.made("gateway-role")["name"], "PolicyName": cache.made("gateway-role-policy")["name"]}
    before = client.get_role_policy(**which)["PolicyDocument"]
    left = [statement for statement in before["Statement"] if statement["Sid"] not in sids]
    assert len(left) == len(before["Statement"]) - len(sids)
    client.put_role_policy(**which, PolicyDocument=json.dumps({**before, "Statement": left}))
    try:
        yield
    finally:
        client.put_role_policy(**which, PolicyDocument=json.dumps(before))


def test_without_its_bucket_the_gateway_answers_and_keeps_nothing(cache, model, text):
    other, payload = cache.path(EMBED, embeddings(f"{text}, stored before"))
    stored = cache.get(other, payload)
    kept, asked = cache.keys(), len(model.seen)
    with role_without(cache, "Results"):
        for _ in range(2):
            answer = cache.post(EMBED, embeddings(text))
            assert (answer.status, json.loads(answer.body)["data"][0]["embedding"]) == (200, VECTOR)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["cache-status"].endswith('detail="the store is not available"')
        assert cache.get(other).body == stored.body  # the distribution reads it by itself
    assert (len(model.seen), cache.keys()) == (asked + 2, kept)
    assert cache.post(EMBED, embeddings(text)).headers["cache-status"].endswith("stored")


def test_what_the_distribution_may_not_read_the_gateway_does(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    first, asked = cache.get(path, payload), len(model.seen)
    client = cache.aws.client("s3")
    before = client.get_bucket_policy(Bucket=cache.bucket)["Policy"]
    document = json.loads(before)
    document["Statement"] = [one for one in document["Statement"] if one["Sid"] != "AllowCloudFrontRead"]
    client.put_bucket_policy(Bucket=cache.bucket, Policy=json.dumps(document))
    try:
        answer = cache.get(path)
        assert (answer.status, answer.body) == (200, first.body)
        assert answer.headers["cache-status"].startswith("inference-edge-cache;hit")
        assert cache.viewer.asked[-1] == "second"
    finally:
        client.put_bucket_policy(Bucket=cache.bucket, Policy=before)
    assert len(model.seen) == asked


def damaged(cache, path, change):
    """Write other bytes over a stored answer, under the same metadata."""
    found = cache.stored(path)
    cache.aws.client("s3").put_object(
        Bucket=cache.bucket,
        Key=path.removeprefix("/"),
        Body=change(found["Body"].read()),
        **{name: found[name] for name in ("ContentType", "CacheControl", "Metadata")},
    )


@pytest.mark.parametrize(
    "change",
    [lambda body: body[: len(body) // 2], lambda body: b"", lambda body: body.replace(b"0.25", b"9.99")],
    ids=["cut short", "emptied", "changed"],
)
def test_a_damaged_object_is_mended_by_the_next_post(cache, model, text, change):
    """CloudFront reads the bucket by itself and checks nothing: until then it hands on what lies there."""
    path, payload = cache.path(EMBED, embeddings(text))
    whole = cache.get(path, payload).body
    damaged(cache, path, change)
    asked = len(model.seen)
    answer = cache.get(path, payload)
    assert (answer.status, answer.body) == (200, change(whole))  # the fault, as it is
    assert len(model.seen) == asked

    answer = cache.post(EMBED, embeddings(text))
    assert (answer.body, answer.headers["cache-status"].split(";")[1]) == (whole, "fwd=uri-miss")
    assert len(model.seen) == asked + 1
    assert cache.get(path).body == whole


def test_an_object_that_somebody_else_wrote_is_no_answer(cache, model, text):
    path, _ = cache.path(EMBED, embeddings(text))
    cache.aws.client("s3").put_object(Bucket=cache.bucket, Key=path.removeprefix("/"), Body=b"{}")
    asked = len(model.seen)
    answer = cache.post(EMBED, embeddings(text))
    assert json.loads(answer.body)["data"][0]["embedding"] == VECTOR
    assert len(model.seen) == asked + 1
    assert cache.get(path).body == answer.body


def test_what_was_deleted_is_asked_for_again(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    cache.get(path, payload)
    cache.aws.client("s3").delete_object(Bucket=cache.bucket, Key=path.removeprefix("/"))
    asked = len(model.seen)
    assert cache.get(path).status == 428
    assert cache.get(path, payload).headers["cache-status"].endswith("stored")
    assert len(model.seen) == asked + 1


def test_without_its_discovery_document_clients_post(cache, model, text):
    client, key = cache.aws.client("s3"), ".well-known/inference-edge-cache.json"
    found = client.get_object(Bucket=cache.bucket, Key=key)
    document = found["Body"].read()
    client.delete_object(Bucket=cache.bucket, Key=key)
    try:
        asked = len(model.seen)
        answers = through_transport(cache, embeddings(text), embeddings(text))
    finally:
        again = {name: found[name] for name in ("ContentType", "CacheControl")}
        client.put_object(Bucket=cache.bucket, Key=key, Body=document, **again)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.extensions[EXTENSION] for answer in answers] == [Served("passed", "no-document")] * 2
    assert [answer.headers["cache-status"].split(";")[1] for answer in answers] == ["fwd=uri-miss", "hit"]
    assert len(model.seen) == asked + 1


def through_transport(cache, *bodies):
    """What a caller gets whose client has the transport."""
    with (
        served(cache.viewer) as url,
        httpx.Client(transport=EdgeCacheTransport(), trust_env=False, timeout=60, headers=cache.headers()) as client,
    ):
        return [client.post(f"{url}{EMBED}", content=body) for body in bodies]


# The function ---------------------------------------------------------------------------------------------------------
@contextmanager
def function(cache, code, **configuration):
    """Other code in the place of the gateway's handler."""
    before = cache.aws.client("lambda").get_function_configuration(FunctionName=cache.function)
    *packages, module, _ = before["Handler"].split(".")
    files = {"/".join([*packages[:depth], "__init__.py"]): "" for depth in range(1, len(packages) + 1)}
    files["/".join([*packages, f"{module}.py"])] = code
    cache.configure(archive_bytes({"assets": {name: {"text": text} for name, text in files.items()}}), **configuration)
    try:
        yield
    finally:
        own = archive_bytes(cache.recording.one("cache-gateway").inputs["code"])
        cache.configure(own, **{name: before[name] for name in configuration})


@pytest.mark.parametrize(
    ("code", "configuration"),
    [
        ("import threading\ndef handler(event, context): threading.Event().wait()", {"Timeout": 1}),
        ("import os\ndef handler(event, context): os._exit(1)", {}),
        ("def handler(event, context): raise MemoryError", {}),
        ("import a_module_that_is_not_there", {}),
    ],
    ids=["is ended at its timeout", "ends", "raises", "does not start"],
)
def test_a_function_that_fails_is_a_502_and_the_bucket_answers(cache, model, text, code, configuration):
    """Lambda's own answer, which nobody may keep: it says no Cache-Control, and errors are kept for 0 s."""
    path, payload = cache.path(EMBED, embeddings(f"{text}, stored before"))
    first, asked = cache.get(path, payload), len(model.seen)
    with function(cache, code, **configuration):
        assert cache.post(EMBED, embeddings(text)).status == 502
        (answer,) = through_transport(cache, embeddings(text))
        assert answer.status_code == 502  # the caller is told, and is not left waiting
        assert cache.get(path).body == first.body
    assert len(model.seen) == asked
    assert cache.post(EMBED, embeddings(text)).status == 200


def test_a_gateway_that_may_not_read_its_secrets_says_that_it_is_not_set_up(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(f"{text}, stored before"))
    first, asked = cache.get(path, payload), len(model.seen)
    with role_without(cache, "Secrets"):
        cache.configure(MemorySize=513)
        answer = cache.post(EMBED, embeddings(text))
        assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
        assert json.loads(answer.body)["detail"] == "the gateway is not set up; its log says why"
        assert any("Secrets Manager refused: AccessDeniedException" in line for line in cache.log())
        assert cache.get(path).body == first.body
    assert len(model.seen) == asked
    assert cache.post(EMBED, embeddings(text)).status == 200


def test_what_runs_already_needs_its_secrets_no_more(cache, model, text):
    assert cache.post(EMBED, embeddings(f"{text}, before")).status == 200
    with role_without(cache, "Secrets"):
        assert cache.post(EMBED, embeddings(text)).status == 200


# The docs -------------------------------------------------------------------------------------------------------------
def test_the_docs_name_tests_that_are_there():
    here = Path(__file__)
    named = set(re.findall(r"`(test_\w+)`", (here.parents[2] / "docs" / "reliability.md").read_text("utf-8")))
    there = {name for file in here.parent.glob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert named
    assert named <= there
    mine = set(re.findall(r"def (test_\w+)", here.read_text("utf-8"))) - {"test_the_docs_name_tests_that_are_there"}
    assert mine <= named  # every fault is listed
