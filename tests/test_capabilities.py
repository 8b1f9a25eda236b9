"""Every row of the capability table, on its cloud: what it allows works, what it limits stops at the limit."""

from typing import Any

import pytest

from inference_edge_cache import InvalidArgsError
from inference_edge_cache.capabilities import CAPABILITIES, Capability, Cloud, Support, capability, features
from inference_edge_cache.plan import EdgePlan, make_plan

URL = "https://model.example.com"
CERTIFICATES = {
    Cloud.AWS: "arn:aws:acm:us-east-1:123456789012:certificate/a",
    Cloud.GCP: "projects/p/locations/global/certificates/c",
}
REGIONS = {Cloud.AWS: "eu-west-1", Cloud.GCP: "europe-west3"}
KMS_KEYS = {
    Cloud.AWS: "arn:aws:kms:eu-west-1:123456789012:key/a",
    Cloud.GCP: "projects/p/locations/eu/keyRings/r/cryptoKeys/k",
}
INFERENCE = {"routes": [{"preset": "embeddings"}], "gateway": {"master_secret": "m" * 32}}
READ_ONLY = [{"path": "/read/*", "methods": ["GET", "HEAD"]}]


def names(count: int, length: int = 3) -> list[str]:
    return [f"n{index:0{length - 1}}" for index in range(count)]


def policy(**fields: Any) -> dict[str, Any]:
    return {"policy": fields}


def origin(**fields: Any) -> dict[str, Any]:
    return {"origin": {"url": URL, **fields}}


def gateway(**fields: Any) -> dict[str, Any]:
    return {**INFERENCE, "gateway": {**INFERENCE["gateway"], **fields}}


def failover(**fields: Any) -> dict[str, Any]:
    return origin(failover={"url": "https://backup.example.com", **fields})


# Feature -> the arguments that use it, given a cloud and an amount: what minimum, maximum and advised bound.


def _split(characters: int) -> list[int]:
    """Lengths of header values that make ``characters`` in all, together with names of four."""
    full, rest = divmod(characters, 1004)
    return [*[1000] * full, *([max(rest - 4, 1)] if rest else [])]


USES: dict[str, Any] = {
    "policy.mode.honor_origin": lambda n, cloud: policy(mode="honor_origin"),
    "policy.mode.force": lambda n, cloud: policy(mode="force"),
    "policy.mode.bypass": lambda n, cloud: policy(mode="bypass"),
    "policy.ttl": lambda n, cloud: policy(max_ttl=n, default_ttl=min(n, 60)),
    "policy.min_ttl": lambda n, cloud: policy(min_ttl=n, default_ttl=n, max_ttl=n),
    "policy.browser_ttl": lambda n, cloud: policy(browser_ttl=n, default_ttl=n, max_ttl=max(n, 1)),
    "policy.stale_while_revalidate": lambda n, cloud: policy(stale_while_revalidate=60),
    "policy.stale_if_error": lambda n, cloud: policy(stale_if_error=60),
    "policy.compression": lambda n, cloud: policy(compression=False),
    "policy.negative_ttl": lambda n, cloud: policy(negative_ttl={404: n}),
    "policy.key.query": lambda n, cloud: policy(key={"query_only": names(n)}),
    "policy.key.query_name_length": lambda n, cloud: policy(key={"query_only": ["q" * n]}),
    "policy.key.headers": lambda n, cloud: policy(key={"headers": names(n)}),
    "policy.key.cookies": lambda n, cloud: policy(key={"cookies": names(n)}),
    "policy.key.names_in_all": lambda n, cloud: policy(
        key={"query_only": ["q" * max(n - 10, 1)], "headers": ["h" * 10]}
    ),
    "policies": lambda n, cloud: {
        "routes": [{"path": f"/{i}", "policy": {"default_ttl": i + 1}} for i in range(n - 1)],
        "custom_domain": {"names": ["a.example.com"], "certificate": CERTIFICATES[cloud]},
    },
    "routes": lambda n, cloud: {
        "routes": [{"path": f"/{i}", "methods": ["GET", "HEAD"]} for i in range(n - 1)]
        + [{"path": "/*", "methods": ["GET", "HEAD"]}]
    },
    "routes.wildcards": lambda n, cloud: {"routes": [{"path": "/v1/*/predict"}]},
    "routes.path_length": lambda n, cloud: {"routes": [{"path": "/" + "a" * (n - 1)}]},
    "routes.methods": lambda n, cloud: {"routes": READ_ONLY},
    "browser_ttls": lambda n, cloud: {
        "routes": [{"path": f"/{i}", "policy": {"browser_ttl": i + 1}} for i in range(n - 1)],
    },
    "bucket.honor_origin": lambda n, cloud: {"bucket": {"policy": {"mode": "honor_origin"}}},
    "origin.headers_in_all": lambda n, cloud: origin(
        headers={f"x-{i:02}": "v" * length for i, length in enumerate(_split(n))}
    ),
    "origin.header_name_length": lambda n, cloud: origin(headers={"x" * n: "v"}),
    "origin.rewritten_path_length": lambda n, cloud: {
        **origin(url=f"{URL}/{'p' * (n // 2)}"),
        "routes": [{"path": "/" + "r" * (n - n // 2 - 2)}] if n > 600 else [],
    },
    "routes.inference": lambda n, cloud: INFERENCE,
    "origin.sagemaker": lambda n, cloud: {**INFERENCE, "origin": {"sagemaker": {"endpoint_name": "e5-small"}}},
    "origin.bedrock": lambda n, cloud: {
        **INFERENCE,
        "origin": {"bedrock": {"model_id": "amazon.titan-embed-text-v2:0", "api": "invoke"}},
    },
    "origin.vertex": lambda n, cloud: {
        **INFERENCE,
        "origin": {"vertex": {"endpoint": "123", "region": "us-central1", "method": "predict"}},
    },
    "gateway.memory": lambda n, cloud: gateway(memory=n),
    "gateway.timeout": lambda n, cloud: gateway(timeout=n),
    "gateway.reserved_concurrency": lambda n, cloud: gateway(reserved_concurrency=n),
    "gateway.log_retention_days": lambda n, cloud: gateway(log_retention_days=7),
    "gateway.front_door.iam": lambda n, cloud: gateway(front_door="iam"),
    "gateway.region": lambda n, cloud: gateway(region="us-central1"),
    "gateway.concurrency": lambda n, cloud: gateway(concurrency=n),
    "gateway.min_instances": lambda n, cloud: gateway(
        min_instances=n, **({"max_instances": 1000} if cloud is Cloud.GCP else {})
    ),
    "gateway.max_instances": lambda n, cloud: gateway(max_instances=n),
    "forward_headers": lambda n, cloud: {"forward_headers": names(n)},
    "origin.path": lambda n, cloud: origin(url=f"{URL}/base"),
    "origin.allow_http": lambda n, cloud: origin(url="http://model.example.com", allow_http=True),
    "origin.host_header": lambda n, cloud: origin(host_header="other.example.com"),
    "origin.headers": lambda n, cloud: origin(headers=dict.fromkeys(names(n), "v")),
    "origin.header_length": lambda n, cloud: origin(headers={"x-key": "v" * n}),
    "origin.connect_timeout": lambda n, cloud: origin(connect_timeout=n),
    "origin.read_timeout": lambda n, cloud: origin(read_timeout=n),
    "origin.response_timeout": lambda n, cloud: origin(response_timeout=n, read_timeout=min(n, 1)),
    "origin.attempts": lambda n, cloud: origin(attempts=n),
    "origin.failover": lambda n, cloud: {**failover(), "routes": READ_ONLY},
    "origin_shield": lambda n, cloud: {"origin_shield": REGIONS[cloud]},
    "bucket.kms_key": lambda n, cloud: {
        "bucket": {"kms_key": KMS_KEYS[cloud]},
        **({"aws": {"bucket_access": "oac"}} if cloud is Cloud.AWS else {}),
    },
    "bucket.region": lambda n, cloud: {"bucket": {"region": REGIONS[cloud]}},
    "custom_domain.names": lambda n, cloud: {
        "custom_domain": {
            "names": [f"{name}.example.com" for name in names(n)],
            "certificate": CERTIFICATES[cloud],
        }
    },
    "no_custom_domain": lambda n, cloud: {},
    "cors": lambda n, cloud: {"cors": {"allow_origins": ["*"]}},
    "cors.list": lambda n, cloud: {"cors": {"allow_origins": ["*"], "allow_headers": names(n)}},
    "cors.max_age": lambda n, cloud: {"cors": {"allow_origins": ["*"], "max_age": n}},
    "geo": lambda n, cloud: {"geo": {"allow": ["DE"]}},
    "logging.destination": lambda n, cloud: {"logging": {"destination": "arn:aws:s3:::logs"}},
    "logging.sample_rate": lambda n, cloud: {
        "logging": {"sample_rate": 0.5, **({"destination": "arn:aws:s3:::logs"} if cloud is Cloud.AWS else {})}
    },
    "tags": lambda n, cloud: {"tags": dict.fromkeys(names(n), "v")},
    "aws": lambda n, cloud: {"aws": {"price_class": "PriceClass_100"}},
    "gcp": lambda n, cloud: {"gcp": {"edge_security_policy": "policy"}},
}
USABLE = [row for row in CAPABILITIES if row.support is not Support.UNSUPPORTED]
TYPICAL = 3


def each(rows: list[Capability] | tuple[Capability, ...]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=lambda row: f"{row.feature}-{row.cloud}")


def plan(row: Capability, amount: int) -> EdgePlan:
    return make_plan("cache", {"cloud": row.cloud, "origin": {"url": URL}, **USES[row.feature](amount, row.cloud)})


def refusals(row: Capability, amount: int) -> list[Any]:
    with pytest.raises(InvalidArgsError) as caught:
        plan(row, amount)
    return list(caught.value.problems)


def test_every_feature_has_one_row_per_cloud_and_a_use():
    assert {(row.feature, row.cloud) for row in CAPABILITIES} == {(f, cloud) for f in features() for cloud in Cloud}
    assert len(CAPABILITIES) == 2 * len(features())
    assert set(USES) == set(features())


@each(CAPABILITIES)
def test_every_row_says_where_it_is_from_and_why_it_refuses(row):
    assert row.source.startswith("https://")
    if row.support is Support.UNSUPPORTED:
        assert row.reason
        assert row.remedy
    if row.support is Support.LIMITED:
        assert row.reason
    if row.maximum is not None or row.minimum is not None:
        assert row.remedy
        assert row.unit
    if row.advised is not None:
        assert row.warning


@each(CAPABILITIES)
def test_what_a_cloud_supports_can_be_planned_and_what_it_does_not_is_refused(row):
    amount = row.minimum or TYPICAL
    if row.support is Support.UNSUPPORTED:
        (problem,) = [problem for problem in refusals(row, amount) if problem.limit == row.reason]
        assert (problem.kind, problem.remedy) == ("unsupported", row.remedy)
    else:
        assert plan(row, max(amount, TYPICAL) if row.maximum is None else min(max(amount, TYPICAL), row.maximum))


@each([row for row in USABLE if row.minimum is not None or row.maximum is not None])
def test_an_amount_may_reach_its_limit_and_not_pass_it(row):
    if row.maximum is not None:
        assert plan(row, row.maximum)
        assert any(row.limit in problem.limit for problem in refusals(row, row.maximum + 1))
    if row.minimum is not None:
        assert plan(row, row.minimum)
        assert any(row.limit in problem.limit for problem in refusals(row, row.minimum - 1))


@each(USABLE)
def test_a_warning_is_given_when_and_only_when_it_applies(row):
    if row.advised is not None:
        assert not any(row.warning in warning for warning in plan(row, row.advised).warnings)
        assert any(row.warning in warning for warning in plan(row, row.advised + 1).warnings)
    elif row.warning:
        assert any(row.warning in warning for warning in plan(row, TYPICAL).warnings)
    else:
        behind = INFERENCE if row.feature.startswith(("gateway.", "origin.vertex")) else {}
        given = {"cloud": row.cloud, "origin": {"url": URL}, **behind}
        usual = {_text(warning) for warning in make_plan("cache", given).warnings}
        more = {_text(warning) for warning in plan(row, row.minimum or TYPICAL).warnings} - usual
        assert not more or row.feature == "gateway.front_door.iam"  # whose warning depends on the access


def _text(warning: str) -> str:
    """A warning without the path it starts with."""
    return warning.partition(": ")[2] or warning


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (capability("origin.connect_timeout", Cloud.AWS), "1 to 10 s"),
        (capability("policy.ttl", Cloud.GCP), "at most 31,536,000 s"),
        (capability("origin.response_timeout", Cloud.AWS), "at least 1 s"),
        (capability("policies", Cloud.AWS), "more than 20 need a raised quota"),
        (capability("origin_shield", Cloud.AWS), ""),
    ],
)
def test_limits_in_words(row, words):
    assert row.limit == words


def test_a_feature_that_is_not_in_the_table_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        capability("policy.nonsense", Cloud.AWS)
