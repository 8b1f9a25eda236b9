"""What holds for everything that is made: parent, name, labels, overrides, previews, two caches, the escape hatch."""

import re
from dataclasses import fields

import pulumi
import pulumi_gcp as gcp
import pytest

from inference_edge_cache import EdgeCacheError, InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.clouds.gcp import GcpResources, overrides_problems
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.testing import Unknown, record

URL = "https://model.example.com"
EVERYTHING = {
    "origin": {"url": URL, "failover": {"url": "https://spare.example.net"}},
    "bucket": {},
    "routes": [{"path": "/v1/models"}, {"path": "/v1/chat/*", "policy": {"mode": "bypass"}}],
    "tags": {"Team": "Search/Rank", "2nd": "x", "env": "prod"},
}
LABELS = {"team": "search-rank", "tag-2nd": "x", "env": "prod"}
DIRECT = {"bucket", "bucket_reader", "origin", "failover_origin", "bucket_origin", "service"}
"""What is made without inference routes."""
BEHIND = set(CHILDREN[Cloud.GCP]) - DIRECT


def test_every_child_is_below_the_component_under_a_name_of_the_table(deployed, preview):
    recording = deployed(preview=preview, **EVERYTHING)
    component = recording.one("InferenceEdgeCache")
    children = recording.children(component)
    assert {child.name for child in children} == {f"embeddings-{CHILDREN[Cloud.GCP][child]}" for child in DIRECT}
    assert len(recording.resources) == 1 + len(children)


def test_everything_that_takes_labels_has_them(deployed):
    labelled = {
        child.name: child.inputs.get("labels")
        for child in deployed(**EVERYTHING).children("InferenceEdgeCache")
        if child.type != "gcp:storage/bucketIAMMember:BucketIAMMember"
    }
    assert len(labelled) == 5
    assert all(labels == LABELS for labels in labelled.values())


@pytest.mark.parametrize(
    ("key", "value", "label"),
    [
        ("Team", "Search/Rank", ("team", "search-rank")),
        ("cost.center", "A/1", ("cost-center", "a-1")),
        ("42", "", ("tag-42", "")),
        ("_x", "ÄÖ", ("tag-_x", "--")),
        ("k" * 80, "v" * 80, ("k" * 63, "v" * 63)),
        ("1" * 80, "v", ("tag-" + "1" * 59, "v")),
    ],
)
@pytest.mark.parametrize("made", [str, pulumi.Output.from_input])
def test_tags_become_labels_in_the_characters_that_labels_have(deployed, key, value, label, made):
    inputs = deployed(tags=lambda: {key: made(value)}).one("EdgeCacheService").inputs
    assert inputs["labels"] == dict([label])
    assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", label[0])
    assert re.fullmatch(r"[a-z0-9_-]{0,63}", label[1])


def test_without_tags_there_are_no_labels(deployed):
    recording = deployed(bucket={})
    assert all("labels" not in resource.inputs for resource in recording.resources)


def test_a_preview_registers_what_a_deployment_does(deployed):
    previewed, done = deployed(preview=True, **EVERYTHING), deployed(**EVERYTHING)
    assert previewed.tree() == done.tree()
    assert all(child.id == Unknown() for child in previewed.children("InferenceEdgeCache"))
    assert previewed.one("embeddings-origin-bucket").inputs["originAddress"] == Unknown()
    assert previewed.one("embeddings-origin").inputs["failoverOrigin"] == Unknown()


def test_equal_programs_give_equal_graphs(deployed):
    assert deployed(**EVERYTHING) == deployed(**EVERYTHING)


def test_two_caches_live_in_one_program(preview):
    def program():
        for name in ("embeddings", "rerank"):
            InferenceEdgeCache(name, {"cloud": "gcp", **EVERYTHING})

    recording = record(program, preview=preview)
    assert len(recording.resources) == 2 * (1 + len(DIRECT))
    for name in ("embeddings", "rerank"):
        assert all(child.name.startswith(f"{name}-") for child in recording.children(name))


def test_a_provider_and_protect_reach_every_child_and_the_invoke():
    def program():
        provider = gcp.Provider("other", project="other")
        opts = pulumi.ResourceOptions(protect=True, providers=[provider])
        InferenceEdgeCache("embeddings", {"cloud": "gcp", **EVERYTHING}, opts)

    recording = record(program)
    provider = recording.one("pulumi:providers:gcp").urn
    for child in recording.children("embeddings"):
        assert (child.options.provider, child.options.protect) == (provider, True)
    assert [invoke.provider for invoke in recording.invokes] == [provider]


# Overrides


def test_overrides_are_merged_deeply(deployed, preview):
    plain = deployed(preview=preview, **EVERYTHING)
    changed = deployed(
        preview=preview,
        **EVERYTHING,
        overrides={
            "origin": {"timeout": {"connect_timeout": "7s"}, "protocol": "HTTP2", "labels": {"tier": "edge"}},
            "service": {"name": "embeddings", "log_config": {"enable": True}, "disable_quic": True},
            "bucket": {"lifecycle_rules": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]},
            "bucket_reader": {"condition": {"title": "artifacts", "expression": "true"}},
        },
    )
    origin = plain.one("embeddings-origin").inputs
    assert changed.one("embeddings-origin").inputs == {
        **origin,
        "protocol": "HTTP2",
        "timeout": {**origin["timeout"], "connectTimeout": "7s"},
        "labels": {**LABELS, "tier": "edge"},
    }
    assert changed.one("EdgeCacheService").inputs == {
        **plain.one("EdgeCacheService").inputs,
        "name": "embeddings",
        "logConfig": {"enable": True},
        "disableQuic": True,
    }
    assert changed.one("Bucket").inputs["lifecycleRules"] == [{"action": {"type": "Delete"}, "condition": {"age": 3}}]
    assert changed.one("BucketIAMMember").inputs["condition"] == {"title": "artifacts", "expression": "true"}
    assert changed.one("embeddings-origin-bucket") == plain.one("embeddings-origin-bucket")


def test_a_list_of_dicts_in_an_override_reaches_the_provider_in_its_own_words(deployed):
    routing = {"host_rules": [{"hosts": ["a.example.com"], "path_matcher": "routes", "description": "ours"}]}
    inputs = deployed(overrides={"service": {"routing": routing}}).one("EdgeCacheService").inputs
    assert inputs["routing"]["hostRules"] == [
        {"hosts": ["a.example.com"], "pathMatcher": "routes", "description": "ours"}
    ]
    assert inputs["routing"]["pathMatchers"]


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ({"distribution": {}}, "overrides.distribution"),
        ({"service": {"requireTls": True}}, "overrides.service.requireTls"),
        ({"origin": {"timeout": {"conect_timeout": "1s"}}}, "overrides.origin.timeout.conect_timeout"),
        ({"bucket": {"versioning": {"enable": True}}}, "overrides.bucket.versioning.enable"),
        (
            {"service": {"routing": {"path_matchers": [{"route_rules": [{"match": 1}]}]}}},
            "overrides.service.routing.path_matchers[0].route_rules[0].match",
        ),
    ],
)
def test_an_unknown_name_is_refused_before_anything_is_made(override, path):
    made = []

    def program():
        try:
            InferenceEdgeCache("embeddings", {"cloud": "gcp", **EVERYTHING, "overrides": override})
        except InvalidArgsError as error:
            made.extend(problem.path for problem in error.problems)

    recording = record(program)
    assert made == [path]
    assert recording.children("embeddings") == ()


@pytest.mark.parametrize(
    ("args", "unmade"),
    [
        ({}, {"bucket", "bucket_reader", "bucket_origin", "failover_origin"}),
        ({"bucket": {}}, {"failover_origin"}),
        ({"bucket": {"name": "weights"}}, {"bucket", "failover_origin"}),
        (EVERYTHING, set()),
    ],
)
def test_an_override_of_what_is_not_made_is_refused_and_not_ignored(deployed, args, unmade):
    overrides = {child: {} for child in CHILDREN[Cloud.GCP]}
    refused = set()
    try:
        deployed(**args, overrides=overrides)
    except InvalidArgsError as error:
        refused = {problem.path.removeprefix("overrides.") for problem in error.problems}
    assert refused == unmade | BEHIND


def test_overrides_of_every_child_are_checked():
    problems = overrides_problems({child: {"nonsense": 1} for child in CHILDREN[Cloud.GCP]})
    assert [problem.path for problem in problems] == [f"overrides.{child}.nonsense" for child in CHILDREN[Cloud.GCP]]


# The escape hatch


@pytest.mark.parametrize(
    ("args", "absent"),
    [
        (EVERYTHING, set()),
        ({"origin": {"url": URL}}, {"failover_origin", "bucket", "bucket_reader", "bucket_origin"}),
        ({"origin": {"url": URL}, "bucket": {"name": "weights"}}, {"failover_origin", "bucket"}),
    ],
)
def test_the_resources_are_there_to_be_used(args, absent):
    found = {}

    def program():
        resources = InferenceEdgeCache("embeddings", {"cloud": "gcp", **args}).gcp
        found.update({field.name: getattr(resources, field.name) for field in fields(resources)})

    record(program)
    assert set(found) == {field.name for field in fields(GcpResources)} == set(CHILDREN[Cloud.GCP])
    assert {name for name, resource in found.items() if not resource} == absent | BEHIND
    kinds = {name: type(resource).__name__ for name, resource in found.items() if resource}
    assert (
        kinds.items()
        <= {
            "service": "EdgeCacheService",
            "origin": "EdgeCacheOrigin",
            "failover_origin": "EdgeCacheOrigin",
            "bucket": "Bucket",
            "bucket_reader": "BucketIAMMember",
            "bucket_origin": "EdgeCacheOrigin",
        }.items()
    )


def test_the_other_clouds_resources_are_not_there():
    def program():
        with pytest.raises(EdgeCacheError, match=r"use \.gcp"):
            _ = InferenceEdgeCache("embeddings", {"cloud": "gcp", "origin": {"url": URL}}).aws

    record(program)
