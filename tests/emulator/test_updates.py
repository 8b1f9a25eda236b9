"""Updates of a deployed gateway: what is changed, and in which order. Nothing that holds something is replaced."""

import json

import pytest
from aws_emulator.deployer import Stack
from aws_emulator.gateways import CHAT, EMBED, at, deployed, embeddings, speaks_openai
from aws_emulator.leftovers import leftovers
from aws_programs import CHAT as CHAT_ROUTE
from aws_programs import EMBEDDINGS, FOR_AN_HOUR, KEYED, MASTER, MODEL, MODEL_KEY, PAGE, cache
from botocore.exceptions import ClientError

from inference_edge_cache.protocol import derive_api_key

BEFORE = {
    **KEYED,
    "origin": {"url": MODEL, "headers": {"x-api-key": MODEL_KEY}},
    "routes": [EMBEDDINGS],
    "bucket": {},
    "cors": {"allow_origins": [PAGE]},
}
KEPT = ("results", "bucket", "distribution", "gateway", "gateway-url", "gateway-role", "master-secret", "gateway-logs")
"""What has an address, holds something, or is named elsewhere."""


@pytest.fixture(scope="module")
def before():
    return cache(**BEFORE)


@pytest.fixture(scope="module")
def stack(aws, before):
    """A stack that every test leaves as it has found it."""
    stack = Stack(aws)
    stack.apply(before)
    yield stack
    stack.destroy()


def ids(stack, recording):
    return {child: stack.outputs(recording.one(f"cache-{child}"))["id"] for child in KEPT}


def gateway(**changed):
    return {"gateway": {**KEYED["gateway"], **changed}}


@pytest.mark.parametrize(
    ("changed", "changes"),
    [
        pytest.param(
            {"routes": [EMBEDDINGS, CHAT_ROUTE]},
            [
                *("update results-lifecycle", "update gateway-role-policy", "update results-policy"),
                *("update gateway", "update distribution", "update discovery-document"),
            ],
            id="a route is added",
        ),
        pytest.param(
            {"routes": [EMBEDDINGS, FOR_AN_HOUR]},
            [
                *("update results-lifecycle", "update gateway-role-policy"),
                *("update gateway", "update distribution", "update discovery-document"),
            ],
            id="a route that CloudFront reads no results of",
        ),
        pytest.param(
            {"routes": [{**EMBEDDINGS, "policy": {"default_ttl": "1d", "max_ttl": "30d"}}]},
            ["update gateway"],
            id="another TTL",
        ),
        pytest.param(
            {"routes": [{**EMBEDDINGS, "policy": {"default_ttl": "1d", "max_ttl": "10d"}}]},
            [
                *("create a cache policy", "update results-lifecycle", "update gateway", "update distribution"),
                "delete a cache policy",
            ],
            id="results count for less",
        ),
        pytest.param(
            {"generation": "2"},
            ["update gateway", "update distribution", "update discovery-document"],
            id="another generation",
        ),
        pytest.param(
            {"origin": {"url": MODEL, "headers": {"x-api-key": "another key of the model's"}}},
            ["update model-headers-version", "update gateway"],
            id="another key of the model's",
        ),
        pytest.param(
            gateway(master_secret=f"{MASTER}, the second"),
            ["update master-secret-version", "update gateway", "update distribution"],
            id="another master secret",
        ),
        pytest.param(gateway(timeout=90), ["update gateway", "update distribution"], id="more time"),
        pytest.param(gateway(log_retention_days=7), ["update gateway-logs"], id="a shorter log"),
        pytest.param(
            {"cors": {"allow_origins": [PAGE, "https://other.example.com"]}},
            ["update preflight", "update response-headers-policy", "update response-headers-policy-uncached"],
            id="another web page",
        ),
        pytest.param(
            {"tags": {"team": "search"}},
            [
                *("update bucket", "update results", "update gateway-logs", "update gateway-role", "update preflight"),
                *("update master-secret", "update model-headers", "update gateway", "update distribution"),
            ],
            id="tags",
        ),
        pytest.param(
            gateway(front_door="iam"),
            [
                *("create gateway-signing", "update gateway", "update gateway-url", "update distribution"),
                *("replace gateway-invoke-permission", "replace gateway-url-permission"),
            ],
            id="the other front door",
        ),
    ],
)
def test_an_update_replaces_nothing_that_holds_something(stack, before, changed, changes):
    """In this order: whoever hears of something new, from the discovery document last, finds it there."""
    there, after = ids(stack, before), cache(**{**BEFORE, **changed})
    made = [_named(change) for change in stack.apply(after)]
    assert sorted(made) == sorted(changes)
    in_turn = ("gateway", "distribution", "discovery-document")
    late = [change for change in changes if change.partition(" ")[2] in in_turn]
    assert [change for change in made if change in late] == late
    assert ids(stack, after) == there

    stack.aws.writes.clear()
    assert (stack.apply(after), stack.aws.writes) == ([], [])
    stack.apply(before)
    assert ids(stack, before) == there


def _named(change: str) -> str:
    what, name = change.split(" ")
    return f"{what} {'a cache policy' if 'cache-policy' in name else name.removeprefix('cache-')}"


# What callers see of it -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def model(aws, servers):
    server = servers(aws.certificates.server())
    server.answer = speaks_openai
    return server


@pytest.fixture
def live(aws, model):
    """A deployment with callers, and how it is deployed anew with other arguments."""
    args = {**BEFORE, "origin": {"url": at(model)}, "bucket": {"force_destroy": True}}
    with deployed(aws, "live", **args) as found:
        yield found, lambda **changed: found.stack.apply(cache("live", **{**args, **changed}))


def test_a_new_generation_puts_old_answers_out_of_reach_and_deletes_none(live, model):
    found, deploy = live
    old, payload = found.path(EMBED, embeddings("x"))
    assert found.get(old, payload).status == 200
    asked = len(model.seen)

    deploy(generation="2")
    with found.again() as anew:
        refused = anew.get(old, payload)
        assert (refused.status, json.loads(refused.body)["route"]) == (428, EMBED)
        path, payload = anew.path(EMBED, embeddings("x"))
        assert path != old
        assert anew.get(path, payload).status == 200
        assert len(model.seen) == asked + 1
        assert anew.keys() == sorted([old.removeprefix("/"), path.removeprefix("/")])


def test_an_old_generation_answers_again_when_it_is_deployed_again(live, model):
    """A mistaken bump costs nothing but the requests in between."""
    found, deploy = live
    path, payload = found.path(EMBED, embeddings("y"))
    first = found.get(path, payload)
    deploy(generation="2")
    deploy()
    asked = len(model.seen)
    assert found.get(path).body == first.body
    assert len(model.seen) == asked


def test_a_route_that_is_added_answers_and_the_others_keep_what_they_have(live, model):
    found, deploy = live
    path, payload = found.path(EMBED, embeddings("z"))
    first = found.get(path, payload)
    deploy(routes=[EMBEDDINGS, CHAT_ROUTE])
    with found.again() as anew:
        assert anew.get(path).body == first.body
        assert [route.path for route in anew.config.routes] == [EMBED, CHAT]
        said = anew.post(CHAT, b'{"model":"m","messages":[],"temperature":0}')
        assert said.headers["cache-status"].endswith("stored")
        assert anew.get(said.headers["content-location"]).body == said.body


def test_two_master_secrets_count_while_one_is_rotated(live):
    found, deploy = live
    assert found.post(EMBED, embeddings("v")).status == 200
    second = f"{MASTER}, the second"
    deploy(gateway={"master_secret": second})
    for master, status in {MASTER: 200, second: 200, f"{MASTER}, the third": 401}.items():
        key = derive_api_key(master.encode(), "alice").text
        assert found.post(EMBED, embeddings("w"), Authorization=f"Bearer {key}").status == status


# The end --------------------------------------------------------------------------------------------------------------
def test_a_destroyed_stack_leaves_the_files_that_were_to_be_kept(aws, model):
    """Results go with the stack, files go only where that was asked for: the deletion stops at their bucket."""
    with deployed(aws, "kept", **{**BEFORE, "origin": {"url": at(model)}}) as found:
        assert found.post(EMBED, embeddings("u")).status == 200
        client, files = aws.client("s3"), found.made("bucket")["bucket"]
        client.put_object(Bucket=files, Key="artifacts/a", Body=b"1")
        with pytest.raises(ClientError, match="BucketNotEmpty"):
            found.stack.destroy()
        assert client.get_object(Bucket=files, Key="artifacts/a")["Body"].read() == b"1"
        for version in client.list_object_versions(Bucket=files)["Versions"]:
            client.delete_object(Bucket=files, Key=version["Key"], VersionId=version["VersionId"])
        found.stack.destroy()
        mine = [item for items in leftovers(aws).values() for item in items if "kept" in str(item)]
        assert [item for item in mine if "DomainName" not in item] == []  # the viewers' own are taken away after it
