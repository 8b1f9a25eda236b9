"""The dashboard on GCP: only when asked for, well-formed, and about fields and metrics that are there."""

import json
import re

import pytest

from inference_edge_cache import InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.gateway.logs import FIELDS, Tier
from inference_edge_cache.testing import record

MASTER = "a master secret of at least 32 bytes"
MADE = {"cache-dashboard", "cache-requests-metric", "cache-latency-metric"}


def deployed(preview=False, **args):
    given = {
        "cloud": "gcp",
        "origin": {"vertex": {"endpoint": "1234567890", "region": "europe-west4", "method": "predict"}},
        "routes": [{"preset": "embeddings"}],
        "gateway": {"master_secret": MASTER, "dashboard": True},
        "custom_domain": {"names": ["cache.example.com"], "certificate": "projects/p/locations/global/certificates/c"},
        **args,
    }
    return record(lambda: InferenceEdgeCache("cache", given), preview=preview)


@pytest.fixture(scope="module")
def recording():
    return deployed()


@pytest.fixture(scope="module")
def document(recording):
    return json.loads(recording.one("cache-dashboard").inputs["dashboardJson"])


# --- Made, or not -----------------------------------------------------------------------------------------------------


def test_there_is_one_when_it_is_asked_for(recording):
    types = {name: recording.one(name).type for name in MADE}
    assert types == {
        "cache-dashboard": "gcp:monitoring/dashboard:Dashboard",
        "cache-requests-metric": "gcp:logging/metric:Metric",
        "cache-latency-metric": "gcp:logging/metric:Metric",
    }


def test_there_is_none_otherwise(recording):
    without = deployed(gateway={"master_secret": MASTER})
    names = {made.name for made in without.resources}
    assert names & MADE == set()
    assert {made.name for made in recording.resources} == names | MADE


def test_it_can_be_previewed():
    assert deployed(preview=True).one("cache-dashboard")


@pytest.mark.parametrize("child", ["dashboard", "requests_metric", "latency_metric"])
def test_it_can_be_overridden_only_where_there_is_one(child):
    recording = deployed(overrides={child: {"project": "mine"}})
    assert recording.one(f"cache-{child.replace('_', '-')}").inputs["project"] == "mine"
    with pytest.raises(InvalidArgsError, match=rf"overrides\.{child}"):
        deployed(overrides={child: {"project": "mine"}}, gateway={"master_secret": MASTER})


@pytest.mark.parametrize(("dashboard", "apis"), [(True, {"logging", "monitoring"}), (False, set())])
def test_the_apis_that_it_needs_are_enabled(dashboard, apis):
    recording = deployed(gcp={"enable_apis": True}, gateway={"master_secret": MASTER, "dashboard": dashboard})
    enabled = {made.inputs["service"].partition(".")[0] for made in recording.of_type("gcp:projects/service:Service")}
    assert enabled & {"logging", "monitoring"} == apis


# --- Metrics of the log -----------------------------------------------------------------------------------------------

EXTRACTED = re.compile(r"EXTRACT\((?:jsonPayload\.)?(\w+)\)")


def test_requests_are_counted_by_fields_that_a_line_has(recording):
    metric = recording.one("cache-requests-metric").inputs
    labels = {"route", "tier", "reason", "severity"}
    assert metric["metricDescriptor"] == {
        "metricKind": "DELTA",
        "valueType": "INT64",
        "unit": "1",
        "labels": [{"key": key, "valueType": "STRING"} for key in ("route", "tier", "reason", "severity")],
    }
    assert metric["labelExtractors"] == {
        "route": "EXTRACT(jsonPayload.route)",
        "tier": "EXTRACT(jsonPayload.tier)",
        "reason": "EXTRACT(jsonPayload.reason)",
        "severity": "EXTRACT(severity)",
    }
    assert labels <= set(FIELDS)


def test_latency_is_a_distribution_of_a_field_that_a_line_has(recording):
    metric = recording.one("cache-latency-metric").inputs
    assert metric["metricDescriptor"] == {
        "metricKind": "DELTA",
        "valueType": "DISTRIBUTION",
        "unit": "ms",
        "labels": [{"key": "tier", "valueType": "STRING"}],
    }
    fields = {EXTRACTED.fullmatch(text)[1] for text in (metric["valueExtractor"], *metric["labelExtractors"].values())}
    assert fields == {"latency_ms", "tier"} < set(FIELDS)
    buckets = metric["bucketOptions"]["exponentialBuckets"]
    # Up to the longest time that Cloud Run gives a request: an hour would be 3.6 million.
    assert 1_800_000 < buckets["scale"] * buckets["growthFactor"] ** buckets["numFiniteBuckets"] < 3_600_000


@pytest.mark.parametrize("name", ["cache-requests-metric", "cache-latency-metric"])
def test_only_lines_of_this_gateway_are_counted(recording, name):
    function = recording.one("cache-gateway").inputs["name"]
    assert recording.one(name).inputs["filter"] == (
        f'resource.type="cloud_run_revision" AND resource.labels.service_name="{function}" AND jsonPayload.tier:*'
    )


# --- Well-formed ------------------------------------------------------------------------------------------------------

# cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards
ALIGNERS = {"ALIGN_RATE", "ALIGN_DELTA", "ALIGN_MAX"}
REDUCERS = {"REDUCE_SUM", "REDUCE_PERCENTILE_50", "REDUCE_PERCENTILE_95"}


def test_every_tile_is_on_the_grid_and_on_no_other(document):
    assert set(document) == {"displayName", "mosaicLayout"}
    assert document["displayName"] == "Edge cache cache"
    layout = document["mosaicLayout"]
    assert layout["columns"] == 48
    taken = set()
    for tile in layout["tiles"]:
        assert set(tile) <= {"xPos", "yPos", "width", "height", "widget"}
        assert 0 not in tile.values()  # the API hands back none, and each run would find a change
        left, top = tile.get("xPos", 0), tile.get("yPos", 0)
        assert left + tile["width"] <= 48
        columns, rows = range(tile["width"]), range(tile["height"])
        place = {(left + column, top + row) for column in columns for row in rows}
        assert not taken & place
        taken |= place
    assert 0 < len(layout["tiles"]) <= 100


def data_sets(document):
    for tile in document["mosaicLayout"]["tiles"]:
        assert set(tile["widget"]) == {"title", "xyChart"}
        chart = tile["widget"]["xyChart"]
        assert set(chart) == {"dataSets", "chartOptions"}
        assert chart["dataSets"]
        yield from chart["dataSets"]


def queries(document):
    """A filter and its aggregation, of each data set and each part of a ratio."""
    for data in data_sets(document):
        (query,) = data["timeSeriesQuery"].items()
        if query[0] == "timeSeriesFilter":
            yield query[1]
        else:
            assert query[0] == "timeSeriesFilterRatio"
            assert set(query[1]) == {"numerator", "denominator"}
            yield from query[1].values()


def test_every_data_set_has_what_the_api_takes(document):
    for data in data_sets(document):
        assert set(data) - {"legendTemplate"} == {"plotType", "targetAxis", "timeSeriesQuery"}
        assert data["plotType"] in {"LINE", "STACKED_AREA"}
        assert data["targetAxis"] == "Y1"
    for query in queries(document):
        assert set(query) == {"filter", "aggregation"}
        aggregation = query["aggregation"]
        assert set(aggregation) - {"groupByFields"} == {"alignmentPeriod", "perSeriesAligner", "crossSeriesReducer"}
        assert aggregation["alignmentPeriod"] == "60s"
        assert aggregation["perSeriesAligner"] in ALIGNERS
        assert aggregation["crossSeriesReducer"] in REDUCERS
    titles = [tile["widget"]["title"] for tile in document["mosaicLayout"]["tiles"]]
    assert len(set(titles)) == len(titles)


# --- What is asked for ------------------------------------------------------------------------------------------------

# cloud.google.com/monitoring/api/metrics_gcp: edgecache and run. Kind of value, labels.
ROUTE_RULE = "edgecache.googleapis.com/edge_cache_route_rule"
METRICS = {
    f"{ROUTE_RULE}/request_count": ("INT64", {"response_code_class", "cache_result"}),
    f"{ROUTE_RULE}/total_latencies": ("DISTRIBUTION", {"response_code_class", "cache_result"}),
    f"{ROUTE_RULE}/origin_request_count": ("INT64", {"response_code_class", "origin_name"}),
    "run.googleapis.com/container/instance_count": ("INT64", {"state"}),
    "run.googleapis.com/request_count": ("INT64", {"response_code_class"}),
}
FILTER = re.compile(
    r'metric\.type="(?P<metric>[^"]+)" resource\.type="(?P<resource>[^"]+)"'
    r'(?: resource\.label\."service_name"="(?P<service>[^"]+)")?'
    r'(?: metric\.label\."(?P<label>\w+)"=one_of\((?P<values>[^)]+)\))?'
)


@pytest.fixture(scope="module")
def known(recording):
    """Every metric that there is: the kind of its value, its labels, its resource and whose it is."""
    service, function = (recording.one(name).outputs["name"] for name in ("cache-service", "cache-gateway"))
    known = {}
    for metric, (value, labels) in METRICS.items():
        edge = metric.startswith("edgecache")
        resource = "edgecache.googleapis.com/EdgeCacheRouteRule" if edge else "cloud_run_revision"
        known[metric] = (value, labels, resource, service if edge else function)
    for name in ("cache-requests-metric", "cache-latency-metric"):
        made = recording.one(name)
        labels, value = set(made.inputs["labelExtractors"]), made.inputs["metricDescriptor"]["valueType"]
        of_the_log = f"logging.googleapis.com/user/{made.outputs['name']}"
        known[of_the_log] = (value, labels, "cloud_run_revision", None)
    return known


def test_every_filter_names_a_metric_of_this_cache_and_labels_that_it_has(document, known):
    seen = set()
    for query in queries(document):
        found = FILTER.fullmatch(query["filter"])
        assert found, query["filter"]
        _, labels, resource, of = known[found["metric"]]
        assert (found["resource"], found["service"]) == (resource, of)
        grouped = query["aggregation"].get("groupByFields", [])
        asked = {re.fullmatch(r'metric\.label\."(\w+)"', field)[1] for field in grouped}
        assert asked | ({found["label"]} - {None}) <= labels
        seen.add(found["metric"])
    assert seen == set(known)


def test_percentiles_are_of_distributions_and_sums_of_counts(document, known):
    for query in queries(document):
        value, *_ = known[FILTER.fullmatch(query["filter"])["metric"]]
        of_a_distribution = query["aggregation"]["crossSeriesReducer"].startswith("REDUCE_PERCENTILE")
        assert of_a_distribution == (value == "DISTRIBUTION")


def test_values_are_those_that_the_metric_has(document):
    said = {"HIT", "PARTIAL", "REVALIDATED", "STALE", "MISS", *Tier, "ERROR"}
    for query in queries(document):
        values = FILTER.fullmatch(query["filter"])["values"]
        assert set(json.loads(f"[{values or ''}]")) <= said


def test_the_hit_rate_is_hits_of_what_was_looked_up(document):
    (ratio,) = [it["timeSeriesQuery"] for it in data_sets(document) if "timeSeriesFilterRatio" in it["timeSeriesQuery"]]
    parts = ratio["timeSeriesFilterRatio"]
    hits, decided = (FILTER.fullmatch(parts[part]["filter"])["values"] for part in ("numerator", "denominator"))
    assert json.loads(f"[{decided}]") == [*json.loads(f"[{hits}]"), "MISS"]
