"""Which cache is meant, which of its answers, and what a cloud's edge is told of them."""

import json

import pytest
from operations_kit import BUCKET, DOCUMENT, SERVICE

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.operations.problems import ranges
from inference_edge_cache.operations.targets import CURRENT, Deployment, Extent, deployment_of, extent_of, read_outputs
from inference_edge_cache.protocol import inference_path

ROUTE, GENERATION, SCOPE, KEY = "/v1/embeddings", "Generation01", "scope-_abcde", "k" * 42 + "A"
PATH = inference_path(ROUTE, GENERATION, SCOPE, KEY)
DISTRIBUTION = "EDFDVBD632BHDS5"
NAMED = {"cache_id": DISTRIBUTION, "results_bucket_name": BUCKET}
READ = {"--cache-id": DISTRIBUTION, "--results-bucket": BUCKET}


# Which cache ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outputs", "name"),
    [
        (NAMED, None),
        ({"cacheId": DISTRIBUTION, "resultsBucketName": BUCKET, "url": "https://d.example.com"}, None),
        ({"url": "https://d.example.com", "cache": NAMED}, None),
        ({"embed": NAMED, "chat": {**NAMED, "cache_id": "EOTHER"}}, "embed"),
        ({**NAMED, "cache_id": "EOTHER", "embed": NAMED}, "embed"),
    ],
)
def test_a_cache_is_found_among_the_outputs_of_its_stack(outputs, name):
    assert read_outputs(json.dumps(outputs), name) == (READ, [])


@pytest.mark.parametrize(
    ("text", "name", "limit", "remedy"),
    [
        ("", None, "is not the JSON object that pulumi prints", "pulumi stack output --json > outputs.json"),
        ("[]", None, "is not the JSON object that pulumi prints", "pulumi stack output --json > outputs.json"),
        (
            '{"url": "https://d"}',
            None,
            "has no cache_id, at the top or inside an output",
            'export it: pulumi.export("cache"',
        ),
        (
            '{"cache_id": null}',
            None,
            "has no cache_id, at the top or inside an output",
            'export it: pulumi.export("cache"',
        ),
        ('{"a": {"cacheId": "E1"}, "b": {"cacheId": "E2"}}', None, "has 2 caches in it", "choose with --name: a, b"),
        ('{"a": {"cacheId": "E1"}}', "b", "is no output with the cache_id of a cache in it", "name one of a"),
        ("{}", "b", "is no output with the cache_id of a cache in it", 'export one: pulumi.export("cache"'),
    ],
)
def test_outputs_that_name_no_cache(text, name, limit, remedy):
    found, (problem,) = read_outputs(text, name)
    assert found == {}
    assert problem.limit == limit
    assert remedy in problem.remedy


@pytest.mark.parametrize(("cache_id", "cloud"), [(DISTRIBUTION, Cloud.AWS), (SERVICE, Cloud.GCP)])
def test_the_id_tells_the_cloud(cache_id, cloud):
    said = {"--cache-id": cache_id, "--results-bucket": BUCKET, "--config-url": "https://d.example.com/x.json"}
    found, problems = deployment_of(said)
    assert (found, problems) == (Deployment(cloud, cache_id, BUCKET, "https://d.example.com/x.json"), [])


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, ["--cache-id", "--results-bucket"]),
        ({"--cache-id": DISTRIBUTION}, ["--results-bucket"]),
        ({**READ, "--cache-id": "d111111abcdef8.cloudfront.net"}, ["--cache-id"]),
        ({**READ, "--cache-id": "projects/p/locations/global/edgeCacheOrigins/o"}, ["--cache-id"]),
        ({**READ, "--cache-id": "[secret]"}, ["--cache-id"]),
        ({**READ, "--results-bucket": "s3://bucket"}, ["--results-bucket"]),
        ({**READ, "--config-url": "ftp://d.example.com/x.json"}, ["--config-url"]),
        ({"--cache-id": "x", "--results-bucket": "X", "--config-url": "x"}, [*READ, "--config-url"]),
    ],
)
def test_a_cache_that_cannot_be_one(said, wrong):
    found, problems = deployment_of(said)
    assert found is None
    assert [problem.path for problem in problems] == wrong


# Which answers -------------------------------------------------------------------------------------------------------
EXTENTS = [
    # what is meant, where its objects are, what CloudFront is told, what Media CDN is told
    (Extent(), "", "/*", "/*"),
    (Extent(ROUTE), "v1/embeddings/~/", "/v1/embeddings/*", "/v1/embeddings/~/*"),
    (Extent("/"), "~/", "/*", "/~/*"),
    (
        Extent(ROUTE, GENERATION),
        "v1/embeddings/~/Generation01/",
        "/v1/embeddings/*",
        "/v1/embeddings/~/Generation01/*",
    ),
    (
        Extent(ROUTE, GENERATION, SCOPE),
        "v1/embeddings/~/Generation01/scope-_abcde/",
        "/v1/embeddings/*",
        "/v1/embeddings/~/Generation01/scope-_abcde/*",
    ),
    (Extent(ROUTE, GENERATION, SCOPE, KEY), PATH[1:], "/v1/embeddings/*", PATH),
]


@pytest.mark.parametrize(("extent", "objects", "cloudfront", "media_cdn"), EXTENTS)
def test_the_same_answers_in_the_bucket_and_at_the_edge(extent, objects, cloudfront, media_cdn):
    assert extent.objects == objects
    assert extent.edge_path(Cloud.AWS) == cloudfront
    assert extent.edge_path(Cloud.GCP) == media_cdn


@pytest.mark.parametrize("extent", [extent for extent, *_ in EXTENTS])
def test_cloudfront_is_never_told_a_tilde(extent):
    """It refuses the whole invalidation: InvalidArgument."""
    told = extent.edge_path(Cloud.AWS)
    assert "~" not in told
    assert "%7E" not in told
    assert PATH.startswith(told.removesuffix("*"))


@pytest.mark.parametrize("extent", [extent for extent, *_ in EXTENTS])
def test_an_extent_holds_its_answers_and_not_the_discovery_document(extent):
    inside = PATH[1:] if extent.route == ROUTE or extent.route is None else f"~/{GENERATION}/{SCOPE}/{KEY}"
    assert extent.holds(inside)
    assert not extent.holds(DOCUMENT)


def test_the_document_of_a_cache_without_a_name_is_read_over_http():
    """As on GCP without custom_domain. No key goes there."""
    said = {"--cache-id": "E2QWRUHAPOMQZL", "--results-bucket": BUCKET, "--config-url": "http://192.0.2.1/x.json"}
    assert deployment_of(said)[0].config_url == "http://192.0.2.1/x.json"


@pytest.mark.parametrize("name", ["home/~/notes", "backup/~/a/b/c.txt", f"{PATH[1:]}/more"])
def test_what_is_no_answer_is_left_in_a_bucket_that_was_named_by_mistake(name):
    assert not Extent().holds(name)


def test_one_answer_is_not_every_one_that_starts_alike():
    assert not Extent(ROUTE, GENERATION, SCOPE, KEY).holds(f"{PATH[1:]}.bak")


def test_an_answer_is_never_shown():
    extent = Extent(ROUTE, GENERATION, SCOPE, KEY)
    assert KEY not in repr(extent) + extent.in_words()
    assert extent.in_words() == f"one result under {ROUTE}/~/{GENERATION}/{SCOPE}/"
    assert Extent(ROUTE).in_words() == f"every result under {ROUTE}/~/"
    assert Extent().in_words() == "every result of every route"


def said(**options):
    given = {"route": None, "generation": None, "scope": None, "path": None, "everything": False, **options}
    return extent_of(**given)


@pytest.mark.parametrize(
    ("options", "extent"),
    [
        ({"route": ROUTE}, Extent(ROUTE)),
        ({"route": ROUTE, "generation": CURRENT}, Extent(ROUTE, CURRENT)),
        ({"route": ROUTE, "scope": SCOPE}, Extent(ROUTE, CURRENT, SCOPE)),
        ({"route": ROUTE, "generation": GENERATION, "scope": SCOPE}, Extent(ROUTE, GENERATION, SCOPE)),
        ({"path": PATH}, Extent(ROUTE, GENERATION, SCOPE, KEY)),
        ({"everything": True}, Extent()),
    ],
)
def test_what_can_be_said(options, extent):
    assert said(**options) == (extent, [])


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, ["purge"]),
        ({"route": ROUTE, "everything": True}, ["purge"]),
        ({"route": ROUTE, "path": PATH}, ["purge"]),
        ({"route": "/v1/~/x"}, ["--route"]),
        ({"route": ROUTE, "generation": "1"}, ["--generation"]),
        ({"route": ROUTE, "scope": f"{SCOPE}/"}, ["--scope"]),
        ({"everything": True, "generation": GENERATION, "scope": SCOPE}, ["--generation", "--scope"]),
        ({"path": f"{PATH}*"}, ["--path"]),
        (
            {"path": "/x", "route": "x", "generation": "", "scope": ""},
            ["purge", "--route", "--generation", "--scope", "--path"],
        ),
    ],
)
def test_what_cannot_be_said(options, wrong):
    _, problems = said(**options)
    assert [problem.path for problem in problems] == wrong


def test_a_path_that_is_wrong_is_not_repeated():
    _, problems = said(path=f"{PATH}x")
    assert KEY not in str(problems[0])


@pytest.mark.parametrize(("numbers", "text"), [([], ""), ([4], "4"), ([9, 7, 8, 3], "3, 7-9"), ([1, 2, 4], "1-2, 4")])
def test_numbers_of_lines(numbers, text):
    assert ranges(numbers) == text
