"""What a cache costs: every line by hand for a load of round numbers, and no estimate for nonsense."""

import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.costs import EXAMPLES, PRICED, PRICES, Load, LoadError, Price, cost_of
from inference_edge_cache.errors import EdgeCacheError

ROOT = Path(__file__).parent.parent

# A million requests, half of them repeats, half of these at the edge: 500,000 misses, 750,000 past the edge.
HALF = Load(
    requests=1_000_000,
    hit_ratio=0.5,
    request_bytes=1_000,
    response_bytes=10_000,
    model_usd=0.001,
    model_seconds=0.9,
    edge_ratio=0.5,
    memory_mb=1024,
)
POSTED = replace(HALF, transport=False, edge_ratio=0.0)


def usd(load, cloud=Cloud.AWS):
    return {line.name: line.usd for line in cost_of(load, cloud).lines}


def quantities(load, cloud=Cloud.AWS):
    return {line.name: line.quantity for line in cost_of(load, cloud).lines}


def test_every_line_of_aws_by_hand():
    assert usd(HALF) == pytest.approx(
        {
            "CDN: requests": 1.00,
            "CDN: bytes to callers": 0.85,  # 10 GB
            "CDN: bytes to the gateway": 0.015,  # 0.75 GB
            "CDN: Origin Shield": 0.5625,  # 750,000
            "CDN: metrics": 2.40,
            "gateway: calls": 0.10,  # 500,000 misses
            "gateway: memory": 6.6667,  # 500,000 s of 1 GB
            "storage: writes": 2.50,
            "storage: reads": 0.50,  # 750,000 by the CDN, 500,000 by the gateway
            "storage: results": 0.115,  # 5 GB for a month
            "secrets: kept": 0.40,
            "secrets: read": 0.0216,  # every 600 s of a month
            "log": 0.25,  # 0.5 GB
        }
    )


def test_every_line_of_gcp_by_hand_and_no_price_where_google_publishes_none():
    assert usd(HALF, Cloud.GCP) == pytest.approx(
        {
            "CDN: requests": None,
            "CDN: bytes to callers": None,
            "CDN: bytes into the cache": None,
            "gateway: calls": 0.20,
            "gateway: memory": 1.25,
            "gateway: processor": 12.00,
            "storage: writes": 2.50,
            "storage: reads": 0.50,
            "storage: results": 0.10,
            "secrets: kept": 0.06,
            "secrets: read": 0.01296,
            "log": 0.25,
        }
    )


def test_what_is_saved_is_what_the_model_does_not_cost_less_the_cache():
    table = cost_of(HALF, Cloud.AWS)
    assert (table.model_usd_without, table.model_usd) == pytest.approx((1000, 500))
    assert table.cache_usd == pytest.approx(15.3808)
    assert table.saved_usd == pytest.approx(484.6192)
    assert table.pays_from_usd == pytest.approx(0.0000307616)
    at_that_price = cost_of(replace(HALF, model_usd=0.0000307616), Cloud.AWS)
    assert at_that_price.saved_usd == pytest.approx(0, abs=0.001)


def test_a_cache_in_front_of_a_cheap_model_costs_more_than_it_saves():
    saved = cost_of(replace(HALF, model_usd=0.000001), Cloud.AWS).saved_usd
    assert saved is not None
    assert saved < 0


def test_without_hits_no_price_of_the_model_makes_it_pay():
    table = cost_of(replace(HALF, hit_ratio=0), Cloud.AWS)
    assert table.pays_from_usd is None
    assert table.saved_usd == pytest.approx(-table.cache_usd)


def test_an_unchanged_sdk_makes_every_request_a_call_of_the_gateway():
    posted = quantities(POSTED)
    assert posted["gateway: calls"] == posted["CDN: requests"] == 1_000_000
    assert posted["storage: reads"] == 1_000_000
    assert posted["CDN: Origin Shield"] == 0
    assert quantities(POSTED, Cloud.GCP)["CDN: bytes into the cache"] == 0
    # 500,000 misses of a second, 500,000 hits of a tenth of it.
    assert posted["gateway: memory"] == pytest.approx(550_000)


def test_below_a_day_the_gateway_answers_what_the_bucket_would():
    short = quantities(replace(HALF, kept_days=0.5))
    assert short["gateway: calls"] == short["storage: reads"] == 750_000
    assert short["storage: results"] == pytest.approx(5 / 30), "a bucket keeps at least a day"


@pytest.mark.parametrize(("seconds", "running"), [(0, 1), (4, 1), (6, 2)])
def test_each_gateway_that_runs_reads_each_secret(seconds, running):
    load = replace(HALF, model_seconds=seconds, secrets=2)
    assert quantities(load)["secrets: read"] == running * 2 * 4320


def test_secrets_are_kept_whether_anybody_asks_or_not():
    one = replace(HALF, requests=1, hit_ratio=0)
    assert usd(one)["secrets: kept"] == pytest.approx(0.40)
    assert usd(replace(one, secrets=0))["secrets: kept"] == 0


def test_a_quote_replaces_a_price_and_completes_the_sum():
    names = ("CDN: requests", "CDN: bytes to callers", "CDN: bytes into the cache")
    before = cost_of(HALF, Cloud.GCP)
    assert before.unpriced == names
    assert (before.saved_usd, before.pays_from_usd) == (None, None)
    quote = {name: Price(0.02, 1, "GB", "our contract") for name in names[1:]}
    partly = cost_of(HALF, Cloud.GCP, quote)
    assert partly.unpriced == ("CDN: requests",)
    whole = cost_of(HALF, Cloud.GCP, {**quote, "CDN: requests": Price(0.0, 1, "requests", "our contract")})
    assert whole.unpriced == ()
    assert whole.cache_usd == pytest.approx(before.cache_usd + 0.35)  # 10 GB out, 7.5 GB in
    assert whole.saved_usd == pytest.approx(500 - whole.cache_usd)


def test_a_quote_for_no_line_is_refused():
    with pytest.raises(LoadError, match=r"(?s)quoted = 'CDN: Origin Shield'.*fix: use one of CDN: requests, "):
        cost_of(HALF, Cloud.GCP, {"CDN: Origin Shield": Price(1, 1, "requests", "")})


# Nonsense ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests", 0),
        ("requests", -1),
        ("requests", True),
        ("hit_ratio", 1.01),
        ("hit_ratio", -0.1),
        ("hit_ratio", 60),
        ("hit_ratio", "0.6"),
        ("edge_ratio", 2),
        ("request_bytes", -1),
        ("response_bytes", math.inf),
        ("model_usd", -0.01),
        ("model_usd", math.nan),
        ("model_seconds", -1),
        ("kept_days", -1),
        ("memory_mb", 64),
        ("secrets", -1),
    ],
)
def test_a_number_that_cannot_be_is_refused(name, value):
    with pytest.raises(LoadError, match=rf"^the load has 1 problem:\n  {name} = ") as caught:
        replace(HALF, **{name: value})
    assert isinstance(caught.value, EdgeCacheError | ValueError)
    (problem,) = caught.value.problems
    assert "must be a number from" in problem.limit


def test_every_problem_of_a_load_is_told_at_once():
    with pytest.raises(LoadError, match=r"^the load has 3 problems:") as caught:
        replace(HALF, hit_ratio=60, request_bytes=-1, secrets=-1)
    assert [problem.path for problem in caught.value.problems] == ["hit_ratio", "request_bytes", "secrets"]


def test_an_edge_hit_needs_the_transport():
    with pytest.raises(LoadError, match="no CDN answers a POST"):
        replace(HALF, transport=False)


# Prices and the page -------------------------------------------------------------------------------------------------
def test_every_price_says_where_it_is_from():
    for prices in PRICES.values():
        for price in prices.values():
            assert price.source.startswith("https://")
            assert price.per > 0
            assert price.usd is None or price.usd > 0
    assert re.fullmatch(r"20\d\d-\d\d", PRICED)


def test_the_tables_of_the_docs_are_those_of_the_code():
    command = [sys.executable, "scripts/cost_table.py", "--check", "docs/costs.md"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def test_a_page_with_other_numbers_is_out_of_date(tmp_path):
    page = tmp_path / "costs.md"
    page.write_text((ROOT / "docs/costs.md").read_text().replace("| CDN: requests | 1.00", "| CDN: requests | 9.99"))
    command = [sys.executable, "scripts/cost_table.py", "--check", str(page)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert f"{page} is out of date: run python scripts/cost_table.py" in run.stderr
    assert subprocess.run([*command[:2], str(page)], cwd=ROOT).returncode == 0
    assert page.read_text() == (ROOT / "docs/costs.md").read_text()


def test_the_page_names_every_load():
    page = (ROOT / "docs/costs.md").read_text()
    for name in EXAMPLES:
        assert page.count(name) >= 3


@pytest.mark.parametrize("memory", [128, 10_240])
def test_a_memory_that_the_cloud_has_not_costs_nothing_there(memory):
    load = replace(HALF, memory_mb=memory)
    assert cost_of(load, Cloud.AWS).cache_usd > 0
    with pytest.raises(LoadError, match=r"(?s)^the load on gcp has 1 problem:.*from 256 to 4,096") as caught:
        cost_of(load, Cloud.GCP)
    assert [problem.path for problem in caught.value.problems] == ["memory_mb"]
