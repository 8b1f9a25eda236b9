"""The dashboard on AWS: only when asked for, well-formed, and about fields and metrics that are there."""

import json
import re

import pytest

from inference_edge_cache import InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.gateway.logs import FIELDS, Tier
from inference_edge_cache.testing import CloudMocks, record
from inference_edge_cache.testing._cloud import Cloud

MASTER = "a master secret of at least 32 bytes"
REGION = "eu-west-1"


def deployed(preview=False, **args):
    gateway = {"master_secret": MASTER, "dashboard": True}
    given = {
        "cloud": "aws",
        "origin": {"url": "https://model.example.com"},
        "routes": [{"preset": "embeddings"}],
        "gateway": gateway,
        **args,
    }
    mocks = CloudMocks(cloud=Cloud(region=REGION))
    return record(lambda: InferenceEdgeCache("cache", given), preview=preview, mocks=mocks)


@pytest.fixture(scope="module")
def recording():
    return deployed()


@pytest.fixture(scope="module")
def body(recording):
    return json.loads(recording.one("cache-dashboard").inputs["dashboardBody"])


def widgets(body, kind):
    return [widget for widget in body["widgets"] if widget["type"] == kind]


# --- Made, or not -----------------------------------------------------------------------------------------------------


def test_there_is_one_when_it_is_asked_for(recording):
    made = recording.one("cache-dashboard")
    assert made.type == "aws:cloudwatch/dashboard:Dashboard"
    assert made.inputs["dashboardName"] == recording.one("cache-gateway").outputs["name"]
    assert set(made.inputs) == {"dashboardName", "dashboardBody"}


@pytest.mark.parametrize("gateway", [{"master_secret": MASTER}, {"master_secret": MASTER, "dashboard": False}])
def test_there_is_none_otherwise(gateway):
    recording = deployed(gateway=gateway)
    assert [made.name for made in recording.resources if "dashboard" in made.name] == []


def test_what_is_made_besides_is_the_same(recording):
    without = deployed(gateway={"master_secret": MASTER})
    names = {made.name for made in without.resources}
    assert {made.name for made in recording.resources} == names | {"cache-dashboard"}


def test_it_can_be_previewed():
    assert deployed(preview=True).one("cache-dashboard")


def test_it_can_be_overridden_only_where_there_is_one():
    recording = deployed(overrides={"dashboard": {"dashboard_name": "mine"}})
    assert recording.one("cache-dashboard").inputs["dashboardName"] == "mine"
    with pytest.raises(InvalidArgsError, match=r"overrides\.dashboard"):
        deployed(overrides={"dashboard": {"dashboard_name": "mine"}}, gateway={"master_secret": MASTER})


# --- Well-formed ------------------------------------------------------------------------------------------------------

# docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
METRIC_PROPERTIES = {"title", "region", "metrics", "period", "view", "stacked"}
METRIC_OPTIONS = {"id", "label", "region", "stat", "visible", "expression"}
METRIC_STAT = re.compile(r"Sum|Average|Maximum|p\d\d")
LOG_PROPERTIES = {"title", "region", "query", "view", "stacked"}
LOG_VIEWS = {"table", "timeSeries"}


def test_every_widget_is_on_the_grid_and_on_no_other(body):
    taken = set()
    for widget in body["widgets"]:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert widget["x"] >= 0
        assert widget["x"] + widget["width"] <= 24
        place = {
            (widget["x"] + column, widget["y"] + row)
            for column in range(widget["width"])
            for row in range(widget["height"])
        }
        assert not taken & place
        taken |= place
    assert 0 < len(body["widgets"]) <= 100


def test_every_widget_has_what_its_type_takes(body):
    (text,) = widgets(body, "text")
    assert set(text["properties"]) == {"markdown"}
    for widget in widgets(body, "metric"):
        assert set(widget["properties"]) == METRIC_PROPERTIES
        assert widget["properties"]["view"] == "timeSeries"
        assert widget["properties"]["period"] % 60 == 0
    for widget in widgets(body, "log"):
        assert set(widget["properties"]) == LOG_PROPERTIES
        assert widget["properties"]["view"] in LOG_VIEWS
    titles = [widget["properties"]["title"] for widget in body["widgets"] if widget["type"] != "text"]
    assert len(set(titles)) == len(titles) == len(body["widgets"]) - 1


def metrics(body):
    """Namespace, name, dimensions and options of each metric, with its widget's region."""
    for widget in widgets(body, "metric"):
        for *given, options in widget["properties"]["metrics"]:
            assert set(options) <= METRIC_OPTIONS
            if given:
                namespace, name, *dimensions = given
                yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True)), options


def test_every_metric_is_one_of_its_service_where_that_has_it(recording, body):
    """docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html and
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html; the hit rate and the latency are there since the
    distribution has a monitoring subscription."""
    known = {
        "AWS/CloudFront": (
            {"Requests", "CacheHitRate", "4xxErrorRate", "5xxErrorRate", "OriginLatency"},
            {"DistributionId": recording.one("cache-distribution").id, "Region": "Global"},
            "us-east-1",
        ),
        "AWS/Lambda": (
            {"Invocations", "Errors", "Throttles", "ConcurrentExecutions", "Duration"},
            {"FunctionName": recording.one("cache-gateway").outputs["name"]},
            REGION,
        ),
    }
    assert recording.one("cache-monitoring-subscription")
    seen = set()
    for namespace, name, dimensions, options in metrics(body):
        names, of, region = known[namespace]
        assert name in names
        assert (dimensions, options["region"]) == (of, region)
        assert METRIC_STAT.fullmatch(options["stat"])
        seen.add((namespace, name))
    assert seen == {(namespace, name) for namespace, (names, _, _) in known.items() for name in names}


def test_an_expression_speaks_of_metrics_of_its_own_widget(body):
    (widget,) = [it for it in widgets(body, "metric") if "expression" in json.dumps(it)]
    options = [given[-1] for given in widget["properties"]["metrics"]]
    ids = {it["id"] for it in options}
    assert len(ids) == len(options) == 3
    (expression,) = [it["expression"] for it in options if "expression" in it]
    assert set(re.findall(r"[a-z]\w*", expression)) == {"all", "gateway"} < ids


# --- What is asked of the log -----------------------------------------------------------------------------------------

OF_INSIGHTS = {"filter", "stats", "sort", "limit", "by", "as", "in", "desc"}
FUNCTIONS = {"ispresent", "count", "sum", "strcontains", "pct", "bin"}


def queries(body):
    return [widget["properties"]["query"] for widget in widgets(body, "log")]


def words_of(query):
    """What is neither a text in quotes, nor a number, in what follows the source."""
    _, _, steps = query.partition(" | ")
    bare = re.sub(r'"[^"]*"', "", steps)
    return re.findall(r"(?<![\w.])[A-Za-z_]\w*", bare)


def test_queries_read_the_gateways_own_log_in_its_region(recording, body):
    group = recording.one("cache-gateway-logs").outputs["name"]
    assert group
    assert all(query.startswith(f"SOURCE '{group}' | filter ispresent(tier) | ") for query in queries(body))
    assert {widget["properties"]["region"] for widget in widgets(body, "log")} == {REGION}


def test_queries_ask_for_fields_that_a_line_has(body):
    for query in queries(body):
        named = set(re.findall(r" as (\w+)", query))
        fields = set(words_of(query)) - OF_INSIGHTS - FUNCTIONS - named
        assert fields
        assert fields <= set(FIELDS), query
        assert not named & set(FIELDS), query


def test_a_field_that_no_line_has_would_be_seen():
    assert "latency" in words_of("SOURCE 'g' | filter ispresent(tier) | stats pct(latency, 50) as p50 by bin(5m)")


def test_queries_compare_with_words_that_a_line_says(body):
    compared = {word for query in queries(body) for word in re.findall(r'"([^"]*)"', query)}
    assert compared == {*Tier, "ERROR"}
    # strcontains() finds a word in another one.
    assert not any(one != other and one in other for one in Tier for other in Tier)


def test_a_graph_over_time_is_grouped_by_time_alone(body):
    """docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_Insights-Visualizing-Log-Data.html"""
    for widget in widgets(body, "log"):
        query, view = widget["properties"]["query"], widget["properties"]["view"]
        assert ("by bin(5m)" in query) == (view == "timeSeries")
        assert not re.search(r"bin\(5m\),|, bin\(", query)
