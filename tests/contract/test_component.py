"""What holds for the component on both clouds, in preview and update: the same scenarios, twice two times."""

import pulumi
import pytest

from inference_edge_cache import CachePolicy, EdgeCacheError, InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.testing import Recording, Secret, Unknown, record, reveal

TYPE = "inference-edge-cache:index:InferenceEdgeCache"
ORIGIN = {"url": "https://model.example.com", "headers": {"x-api-key": "hunter2"}}
EVERYTHING = {
    "aws": {
        "cloud": "aws",
        "origin": {**ORIGIN, "failover": {"url": "https://backup.example.com"}},
        "policy": {"default_ttl": "1h", "browser_ttl": 60},
        "routes": [
            {"path": "/v1/embed", "methods": ["GET", "HEAD"], "policy": {"default_ttl": 60, "negative_ttl": {404: 5}}},
            {"path": "/v1/*", "policy": {"mode": "bypass"}},
        ],
        "bucket": {"retention_days": 30},
        "forward_headers": ["x-request-id"],
        "custom_domain": {
            "names": ["cache.example.com"],
            "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a",
        },
        "cors": {"allow_origins": ["https://app.example.com"]},
        "geo": {"allow": ["DE"]},
        "logging": {"destination": "arn:aws:logs:us-east-1:123456789012:log-group:edge"},
        "origin_shield": "eu-west-1",
        "tags": {"Team": "Search/Rank"},
        "aws": {"price_class": "PriceClass_100"},
    },
    "gcp": {
        "cloud": "gcp",
        "origin": {**ORIGIN, "failover": {"url": "https://backup.example.com"}},
        "policy": {"mode": "force", "default_ttl": "1h", "browser_ttl": 60},
        "routes": [
            {"path": "/v1/embed", "methods": ["GET", "HEAD"], "policy": {"default_ttl": 60, "negative_ttl": {404: 5}}},
            {"path": "/v1/*", "policy": {"mode": "bypass"}},
        ],
        "bucket": {"retention_days": 30},
        "custom_domain": {
            "names": ["cache.example.com"],
            "certificate": "projects/p/locations/global/certificates/c",
        },
        "cors": {"allow_origins": ["https://app.example.com"]},
        "logging": {"sample_rate": 0.5},
        "origin_shield": "europe-west3",
        "tags": {"Team": "Search/Rank"},
    },
}
GATEWAY = {
    "cloud": "aws",
    "origin": ORIGIN,
    "routes": [{"preset": "embeddings"}],
    "gateway": {"master_secret": "a master secret of at least 32 bytes", "front_door": "iam", "dashboard": True},
    "cors": {"allow_origins": ["https://app.example.com"]},
}
GATEWAYS = {
    "aws": [GATEWAY],
    "gcp": [
        {
            **GATEWAY,
            "cloud": "gcp",
            "gateway": {"master_secret": "a master secret of at least 32 bytes", "dashboard": True},
            **more,
        }
        for more in (
            {"gcp": {"enable_apis": True}},
            {"origin": {"vertex": {"endpoint": "123", "region": "us-central1", "method": "predict"}}},
            {"origin": {"vertex": {"endpoint": "publishers/p/models/m", "region": "global", "method": "rawPredict"}}},
        )
    ],
}
TAGGABLE = {
    "aws:s3/bucket:Bucket": "tags",
    "aws:cloudfront/distribution:Distribution": "tags",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": "tags",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": "tags",
    "aws:cloudwatch/logDelivery:LogDelivery": "tags",
    "gcp:storage/bucket:Bucket": "labels",
    "gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin": "labels",
    "gcp:networkservices/edgeCacheService:EdgeCacheService": "labels",
}
CLOUDS = pytest.mark.parametrize("cloud", ["aws", "gcp"])
MODES = pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])


def run(args, *, name="cache", opts=None, preview=False) -> Recording:
    def program() -> None:
        cache = InferenceEdgeCache(name, args, opts)
        for output in ("url", "domain_name", "cache_id", "bucket_name", "bucket_policy_statement"):
            pulumi.export(output, getattr(cache, output))

    return record(program, preview=preview)


@CLOUDS
@MODES
def test_every_child_belongs_to_the_component_and_carries_its_name(cloud, preview):
    recording = run(EVERYTHING[cloud], preview=preview)
    component = recording.one(TYPE)
    suffixes = set(CHILDREN[Cloud(cloud)].values())
    children = [resource for resource in recording.resources if resource is not component]
    assert len(children) > 4
    for child in children:
        assert child.parent == component.urn
        suffix = child.name.removeprefix("cache-")
        assert any(suffix == known or suffix.startswith(f"{known}-") for known in suffixes), child.name


@CLOUDS
def test_everything_that_can_be_made_is_made_somewhere_in_the_contract(cloud):
    caches = [EVERYTHING[cloud], *GATEWAYS[cloud]]
    used = {child.name.removeprefix("cache-") for args in caches for child in run(args).children(TYPE)}
    made = {suffix for suffix in CHILDREN[Cloud(cloud)].values() if any(name.startswith(suffix) for name in used)}
    assert set(CHILDREN[Cloud(cloud)].values()) - made <= {CHILDREN[Cloud.AWS]["origin_access_control"]}


@CLOUDS
@MODES
def test_tags_reach_everything_that_can_carry_them(cloud, preview):
    recording = run(EVERYTHING[cloud], preview=preview)
    expected = {"aws": {"Team": "Search/Rank"}, "gcp": {"team": "search-rank"}}[cloud]
    tagged = [resource for resource in recording.resources if resource.type in TAGGABLE]
    assert {resource.type for resource in tagged} == {type for type in TAGGABLE if type.startswith(cloud)}
    for resource in tagged:
        assert resource.inputs[TAGGABLE[resource.type]] == expected, resource.name


@CLOUDS
@MODES
def test_outputs_are_registered_and_exported(cloud, preview):
    recording = run(EVERYTHING[cloud], preview=preview)
    registered = recording.one(TYPE).outputs
    assert registered is not None
    assert set(registered) == {"url", "domainName", "cacheId", "bucketName"}  # Pulumi leaves out what is None
    assert recording.outputs["url"] == "https://cache.example.com"
    for output in ("domain_name", "cache_id", "bucket_name"):
        value = recording.outputs[output]
        assert value == Unknown() if preview and output != "bucket_name" else value, output
    assert recording.outputs.get("bucket_policy_statement") is None


@CLOUDS
def test_the_results_bucket_is_an_output_of_a_cache_that_has_one(cloud):
    def program() -> None:
        cache = InferenceEdgeCache("cache", GATEWAYS[cloud][0])
        pulumi.export("cache", {"cache_id": cache.cache_id, "results_bucket_name": cache.results_bucket_name})

    recording = record(program)
    bucket = recording.one("cache-results").outputs[{"aws": "bucket", "gcp": "name"}[cloud]]
    assert bucket
    assert recording.outputs["cache"]["results_bucket_name"] == bucket
    assert recording.one(TYPE).outputs["resultsBucketName"] == bucket
    assert "resultsBucketName" not in run(EVERYTHING[cloud]).one(TYPE).outputs


@CLOUDS
@MODES
def test_two_runs_give_equal_graphs(cloud, preview):
    assert run(EVERYTHING[cloud], preview=preview) == run(EVERYTHING[cloud], preview=preview)


@CLOUDS
def test_preview_shows_every_resource_that_an_update_makes(cloud):
    def graph(recording):
        return [(resource.type, resource.name, resource.parent) for resource in recording.resources]

    assert graph(run(EVERYTHING[cloud], preview=True)) == graph(run(EVERYTHING[cloud]))


@CLOUDS
@MODES
def test_two_caches_live_in_one_stack(cloud, preview):
    def program() -> None:
        for name in ("first", "second"):
            InferenceEdgeCache(name, EVERYTHING[cloud])

    recording = record(program, preview=preview)
    names = [resource.name for resource in recording.resources]
    assert len(set(names)) == len(names)
    assert len([name for name in names if name.startswith("first")]) * 2 == len(names)


def test_a_cache_on_each_cloud_lives_in_one_stack():
    def program() -> None:
        for cloud, args in EVERYTHING.items():
            InferenceEdgeCache(cloud, args)

    types = {resource.type.partition(":")[0] for resource in record(program).resources}
    assert types == {"aws", "gcp", "inference-edge-cache"}


@CLOUDS
def test_a_cache_lives_inside_another_component(cloud):
    class Platform(pulumi.ComponentResource):
        def __init__(self, name: str) -> None:
            super().__init__("test:index:Platform", name)
            cache = InferenceEdgeCache("cache", EVERYTHING[cloud], pulumi.ResourceOptions(parent=self))
            self.register_outputs({"url": cache.url})

    recording = record(lambda: Platform("platform"))
    platform = recording.one("test:index:Platform")
    assert recording.one(TYPE).parent == platform.urn
    assert platform.outputs == {"url": "https://cache.example.com"}


@CLOUDS
def test_protect_reaches_every_child(cloud):
    recording = run(EVERYTHING[cloud], opts=pulumi.ResourceOptions(protect=True))
    assert all(resource.options.protect for resource in recording.resources)


@CLOUDS
def test_an_alias_of_the_component_is_registered(cloud):
    alias = pulumi.Alias(name="old-name")
    recording = run(EVERYTHING[cloud], opts=pulumi.ResourceOptions(aliases=[alias]))
    assert "old-name" in str(recording.one(TYPE).options.aliases)


@CLOUDS
@pytest.mark.parametrize("style", ["provider", "providers"])
def test_an_explicit_provider_reaches_every_child(cloud, style):
    def program() -> None:
        if cloud == "aws":
            import pulumi_aws

            provider: pulumi.ProviderResource = pulumi_aws.Provider("mine", region="eu-west-1")
        else:
            import pulumi_gcp

            provider = pulumi_gcp.Provider("mine", project="p")
        opts = (
            pulumi.ResourceOptions(provider=provider)
            if style == "provider"
            else pulumi.ResourceOptions(providers=[provider])
        )
        InferenceEdgeCache("cache", EVERYTHING[cloud], opts)

    recording = record(program)
    provider = recording.one("mine")
    for child in recording.children(TYPE):
        assert (child.options.provider or "").startswith(provider.urn), child.name
    for invoke in recording.invokes:
        assert (invoke.provider or "").startswith(provider.urn), invoke.token
    assert len(recording.of_type(f"pulumi:providers:{cloud}")) == 1


@CLOUDS
@MODES
def test_secrets_stay_secret(cloud, preview):
    recording = run(EVERYTHING[cloud], preview=preview)
    holders = [resource for resource in recording.resources if "hunter2" in str(reveal(resource.inputs))]
    assert len(holders) == 1
    assert "hunter2" not in str(_without_secrets(holders[0].inputs))
    assert "hunter2" not in str(recording.outputs)
    assert "hunter2" not in str(recording.logs)
    for resource in recording.resources:
        assert "hunter2" not in str(_without_secrets(resource.outputs))


def _without_secrets(value):
    if isinstance(value, Secret):
        return "<secret>"
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list | tuple) else value


@CLOUDS
@MODES
def test_what_may_be_an_output_can_be_one(cloud, preview):
    """Every input that may come from another resource, as an Output: the graph is the one of plain values."""

    def outputs(args):
        late = pulumi.Output.from_input
        origin = {**args["origin"], "url": late(args["origin"]["url"])}
        origin["headers"] = {"x-api-key": pulumi.Output.secret("hunter2")}
        origin["failover"] = {"url": late("https://backup.example.com")}
        domain = {**args["custom_domain"], "certificate": late(args["custom_domain"]["certificate"])}
        tags = {key: late(value) for key, value in args["tags"].items()}
        return {**args, "origin": origin, "custom_domain": domain, "tags": tags}

    def program() -> None:
        InferenceEdgeCache("cache", outputs(EVERYTHING[cloud]))

    late, plain = record(program, preview=preview), run(EVERYTHING[cloud], preview=preview)
    assert [(r.type, r.name) for r in late.resources] == [(r.type, r.name) for r in plain.resources]
    for one, other in zip(late.resources, plain.resources, strict=True):
        assert reveal(one.inputs) == reveal(other.inputs), one.name


@CLOUDS
@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("origin.url", {"origin": {"url": "http://model.example.com"}}),
        ("origin.url", {"origin": {"url": "https://u:hunter2@model.example.com"}}),
        ('origin.headers["x-key"]', {"origin": {**ORIGIN, "headers": {"x-key": "hunter2\n"}}}),
        ("custom_domain.certificate", {"custom_domain": {"names": ["a.example.com"], "certificate": "arn:wrong"}}),
    ],
)
def test_an_output_that_resolves_to_a_bad_value_is_the_same_error(cloud, path, args):
    def late(value):
        if isinstance(value, dict):
            return {key: late(item) for key, item in value.items()}
        return pulumi.Output.from_input(value) if isinstance(value, str) else value

    with pytest.raises(InvalidArgsError) as caught:
        record(lambda: InferenceEdgeCache("cache", {"cloud": cloud, "origin": ORIGIN, **late(args)}))
    assert [problem.path for problem in caught.value.problems] == [path]
    assert "hunter2" not in str(caught.value)


@CLOUDS
@pytest.mark.parametrize(
    ("path", "args"),
    [
        ('origin.headers["x-key"]', {"origin": {"headers": {"x-key": None}}}),
        ("origin.url", {"origin": {"url": None}}),
        ("bucket.name", {"bucket": {"name": None}}),
        ('tags["team"]', {"tags": {"team": None}}),
        ("custom_domain.certificate", {"custom_domain": {"certificate": None}}),
    ],
)
def test_an_output_that_resolves_to_nothing_does_not_leave_its_argument_out(cloud, path, args):
    """A web ACL, a credential or a Host that silently is not there would be worse than an error."""
    usual = {"origin": {"url": "https://model.example.com"}, "custom_domain": {"names": ["a.example.com"]}}

    def program() -> None:
        late = {
            group: {
                key: pulumi.Output.from_input(value) if value is None else _late_values(value)
                for key, value in g.items()
            }
            for group, g in args.items()
        }
        merged = {group: {**usual.get(group, {}), **values} for group, values in late.items()}
        InferenceEdgeCache("cache", {"cloud": cloud, "origin": usual["origin"], **merged})

    with pytest.raises(InvalidArgsError) as caught:
        record(program)
    assert [(problem.path, problem.limit) for problem in caught.value.problems] == [(path, "resolved to None")]


def _late_values(value):
    return {key: pulumi.Output.from_input(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("cloud", "path", "args"),
    [
        ("aws", "aws.web_acl_id", {"aws": {"web_acl_id": None}}),
        ("aws", "logging.destination", {"logging": {"destination": None}}),
        ("aws", 'aws.existing_policy_ids["/*"]', {"aws": {"existing_policy_ids": {"/*": None}}}),
        ("gcp", "gcp.edge_security_policy", {"gcp": {"edge_security_policy": None}}),
        ("gcp", "origin.host_header", {"origin": {**ORIGIN, "host_header": None}}),
    ],
)
@pytest.mark.parametrize("resolved", [None, "not an id", ""])
def test_names_and_ids_are_checked_when_they_resolve(cloud, path, args, resolved):
    def late(value):
        if isinstance(value, dict):
            return {key: late(item) for key, item in value.items()}
        return pulumi.Output.from_input(resolved) if value is None else value

    with pytest.raises(InvalidArgsError) as caught:
        record(lambda: InferenceEdgeCache("cache", {"cloud": cloud, "origin": ORIGIN, **late(args)}))
    assert [problem.path for problem in caught.value.problems] == [path]


@CLOUDS
def test_no_two_components_can_make_children_of_the_same_name(cloud):
    """Of two children of one type, no suffix is the tail of another: "a" and "a-b" would both make "a-b-c"."""
    from importlib import import_module

    args_of = import_module(f"inference_edge_cache.clouds.{cloud}.deploy").ARGS
    suffixes = CHILDREN[Cloud(cloud)]
    tails = [
        (one, other)
        for one in suffixes
        for other in suffixes
        if one != other and args_of[one] is args_of[other] and suffixes[one].endswith(f"-{suffixes[other]}")
    ]
    assert tails == []


@CLOUDS
def test_nothing_is_made_when_the_arguments_are_wrong(cloud):
    seen = []

    def program() -> None:
        try:
            InferenceEdgeCache("cache", {**EVERYTHING[cloud], "overrides": {"bucket": {"nonsense": 1}}})
        except InvalidArgsError as error:
            seen.extend(problem.path for problem in error.problems)

    recording = record(program)
    assert seen == ["overrides.bucket.nonsense"]
    assert [resource.type for resource in recording.resources] == [TYPE]


@CLOUDS
def test_the_escape_hatch_of_the_other_cloud_says_which_one_to_use(cloud):
    other = {"aws": "gcp", "gcp": "aws"}[cloud]

    def program() -> None:
        cache = InferenceEdgeCache("cache", EVERYTHING[cloud])
        assert getattr(cache, cloud).bucket is not None
        with pytest.raises(EdgeCacheError, match=rf"use \.{cloud}, not \.{other}"):
            getattr(cache, other)

    record(program)


@CLOUDS
def test_a_missing_sdk_is_one_problem_with_the_pip_line(cloud, monkeypatch):
    import sys

    for module in [name for name in sys.modules if name.startswith(f"inference_edge_cache.clouds.{cloud}")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, f"pulumi_{cloud}", None)
    with pytest.raises(InvalidArgsError, match=rf'pip install "inference-edge-cache\[{cloud}\]"'):
        run(EVERYTHING[cloud])


@pytest.mark.parametrize(
    ("args", "path"), [({"origin": ORIGIN}, "cloud"), ({"cloud": "azure", "origin": ORIGIN}, "cloud"), ("aws", "")]
)
def test_a_cloud_that_is_none_is_a_problem_like_any_other(args, path):
    with pytest.raises(InvalidArgsError) as caught:
        run(args)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_another_module_that_is_missing_is_not_taken_for_a_missing_extra(monkeypatch):
    import sys

    from inference_edge_cache.clouds import load_cloud

    for module in [name for name in sys.modules if name.startswith("inference_edge_cache.clouds.aws")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "inference_edge_cache.clouds.making", None)
    with pytest.raises(ModuleNotFoundError, match=r"clouds\.making"):
        load_cloud(Cloud.AWS)


@CLOUDS
def test_a_policy_comes_from_the_stacks_configuration(cloud):
    def program() -> None:
        policy = CachePolicy.from_dict(pulumi.Config().require_object("policy"))
        InferenceEdgeCache("cache", {"cloud": cloud, "origin": ORIGIN, "policy": policy})

    recording = record(
        program, config={"policy": '{"mode": "force", "default_ttl": "15m", "negative_ttl": {"404": 5}}'}
    )
    text = str([resource.inputs for resource in recording.resources])
    assert {"aws": "'defaultTtl': 900", "gcp": "'defaultTtl': '900s'"}[cloud] in text
