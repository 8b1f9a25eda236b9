"""The direct cache over HTTP: a bucket and an endpoint behind an emulated distribution."""

import urllib.error
import urllib.request

import pytest
from aws_emulator.leftovers import leftovers
from aws_emulator.origins import origin
from aws_emulator.viewer import ask, served, viewers
from aws_programs import cache

KEY = "a key of the model's"


@pytest.fixture
def endpoint(aws):
    with origin(aws.certificates) as running:
        yield running


@pytest.fixture
def access(request):
    """How the bucket is read."""
    return getattr(request, "param", "oai")


both_ways = pytest.mark.parametrize("access", ["oai", "oac"], indirect=True)


@pytest.fixture
def deployed(stack, endpoint, access):
    """The reference deployment, with an object that is served and one that is not."""
    recording = cache(
        origin={"url": f"{endpoint.url()}/base", "headers": {"x-api-key": KEY}},
        bucket={"force_destroy": True},
        routes=[{"path": "/v1/chat", "policy": {"mode": "bypass"}}],
        forward_headers=["x-request-id"],
        aws={"bucket_access": access},
    )
    stack.apply(recording)
    client = stack.aws.client("s3")
    for key in ("artifacts/a.txt", "private/a.txt"):
        client.put_object(Bucket=bucket_of(stack, recording), Key=key, Body=b"a file", ContentType="text/plain")
    return recording


@pytest.fixture
def viewer(stack, deployed):
    with viewers(stack.aws, stack.outputs(deployed.one("Distribution"))["id"]) as seen:
        yield seen


def bucket_of(stack, recording):
    return stack.outputs(recording.one("Bucket"))["bucket"]


# The bucket -----------------------------------------------------------------------------------------------------------
@both_ways
def test_a_file_is_read_through_the_distribution(viewer, endpoint):
    answer = viewer.ask("/artifacts/a.txt")
    assert (answer.status, answer.body) == (200, b"a file")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-amz-server-side-encryption"] == "AES256"
    assert endpoint.asked == []


@both_ways
def test_a_file_is_not_read_from_the_bucket_itself(stack, deployed):
    bucket = bucket_of(stack, deployed)
    for host, path in {
        f"{bucket}.s3.us-east-1.amazonaws.com": "/artifacts/a.txt",
        "127.0.0.1": f"/{bucket}/artifacts/a.txt",
    }.items():
        for scheme in ("https", "http"):
            assert ask(stack.aws, host, path, scheme=scheme).status == 403
    assert ask(stack.aws, f"{bucket}.s3.us-east-1.amazonaws.com", "/?list-type=2").status == 403


def test_a_file_outside_the_path_is_not_read(stack, viewer):
    """The behaviour decides first, and sends it to the endpoint."""
    assert viewer.ask("/private/a.txt").body == b'{"answer":42}'


@both_ways
def test_the_reader_may_read_no_other_file_even_if_it_is_asked(stack, deployed):
    """The bucket's policy holds by itself: with every path sent to the bucket, the rest of it stays closed."""
    id_, client = stack.outputs(deployed.one("Distribution"))["id"], stack.aws.client("cloudfront")
    found = client.get_distribution_config(Id=id_)
    (files,) = (
        one for one in found["DistributionConfig"]["CacheBehaviors"]["Items"] if one["TargetOriginId"] == "bucket"
    )
    files["PathPattern"] = "/*"
    client.update_distribution(Id=id_, IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"])
    with viewers(stack.aws, id_) as seen:
        assert seen.ask("/artifacts/a.txt").status == 200
        assert seen.ask("/private/a.txt").status == 403


@both_ways
def test_a_file_that_is_not_there_is_a_403(viewer):
    """The reader may not list the bucket, so S3 does not say what is missing."""
    assert viewer.ask("/artifacts/none.txt").status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_are_only_read(viewer, method):
    assert viewer.ask("/artifacts/a.txt", method, body=b"x").status == 403


# The endpoint ---------------------------------------------------------------------------------------------------------
def test_the_endpoint_answers_through_the_distribution(viewer, endpoint):
    answer = viewer.ask("/v1/models?page=1")
    assert (answer.status, answer.body) == (200, b'{"answer":42}')
    (asked,) = endpoint.asked
    assert (asked.method, asked.target) == ("GET", "/base/v1/models?page=1")
    assert asked.headers["host"] == "model.example.com"
    assert asked.headers["x-api-key"] == KEY


def test_a_cached_route_forwards_its_key_and_what_changes_no_answer(viewer, endpoint):
    sent = {"Cookie": "a=b", "Authorization": "Bearer x", "X-Lang": "de", "X-Request-Id": "7"}
    viewer.ask("/v1/models", headers=sent)
    (asked,) = endpoint.asked
    assert {"cookie", "authorization", "x-lang"} & asked.headers.keys() == set()
    assert asked.headers["x-request-id"] == "7"


def test_a_viewer_cannot_send_the_key_of_the_model(viewer, endpoint):
    viewer.ask("/v1/chat", "POST", headers={"x-api-key": "mine"}, body=b"{}")
    assert endpoint.asked[0].headers["x-api-key"] == KEY


def test_a_route_that_caches_nothing_forwards_everything_but_the_host(viewer, endpoint):
    sent = {"Authorization": "Bearer x", "Content-Type": "application/json", "Cookie": "a=b"}
    answer = viewer.ask("/v1/chat?trace=1", "POST", headers=sent, body=b'{"messages":[]}')
    (asked,) = endpoint.asked
    assert answer.status == 200
    assert (asked.method, asked.target, asked.body) == ("POST", "/base/v1/chat?trace=1", b'{"messages":[]}')
    assert {name.lower(): asked.headers[name.lower()] for name in sent} == {
        name.lower(): value for name, value in sent.items()
    }
    assert asked.headers["host"] == "model.example.com"


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_of_the_endpoint_reaches_the_viewer(viewer, endpoint, status):
    endpoint.status, endpoint.body = status, b'{"error":"no"}'
    answer = viewer.ask("/v1/models")
    assert (answer.status, answer.body) == (status, b'{"error":"no"}')


# What every answer has ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/artifacts/a.txt", "/v1/models", "/v1/chat"])
def test_answers_are_hardened(viewer, path):
    headers = viewer.ask(path).headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"


def test_only_a_route_that_caches_nothing_sets_a_cookie(viewer, endpoint):
    endpoint.headers["Set-Cookie"] = "session=1"
    assert "set-cookie" not in viewer.ask("/v1/models").headers
    assert viewer.ask("/v1/chat", "POST", body=b"{}").headers["set-cookie"] == "session=1"


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("HEAD", 301), ("POST", 307)])
def test_plain_http_is_redirected(viewer, endpoint, method, status):
    answer = viewer.ask("/v1/chat?a=1", method, scheme="http")
    assert answer.status == status
    assert answer.headers["location"] == f"https://{viewer.domain}/v1/chat?a=1"
    assert endpoint.asked == []


@both_ways
def test_nothing_is_left_when_it_is_destroyed(stack, deployed):
    stack.destroy()
    assert leftovers(stack.aws) == {}


# Failover -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def failing_over(stack, endpoint):
    """A first endpoint that answers 503, and the second one."""
    endpoint.status = 503
    with origin(stack.aws.certificates) as second:
        second.body = b'{"answer":"the second"}'
        recording = cache(
            origin={"url": endpoint.url(), "failover": {"url": second.url("backup")}},
            routes=[{"path": "/v1/*", "methods": ["GET", "HEAD"]}],
        )
        stack.apply(recording)
        with viewers(stack.aws, stack.outputs(recording.one("Distribution"))["id"]) as seen:
            yield seen


def test_the_second_endpoint_answers_what_the_first_one_fails(failing_over):
    answer = failing_over.ask("/v1/models")
    assert (answer.status, answer.body) == (200, b'{"answer":"the second"}')
    assert failing_over.asked == ["second"]


def test_what_takes_a_body_does_not_fail_over(failing_over):
    assert failing_over.ask("/other", "POST", body=b"{}").status == 503
    assert failing_over.asked == []


def test_the_emulator_itself_knows_no_groups(failing_over):
    """Why failover is done by the viewer. When this test fails, the emulator has learnt it."""
    assert ask(failing_over.aws, failing_over.domain, "/v1/models").status == 502


def test_other_clients_are_viewers_too(failing_over):
    with served(failing_over) as url:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/v1/models", timeout=60) as answer:
            assert answer.read() == b'{"answer":"the second"}'
        with pytest.raises(urllib.error.HTTPError, match="503"):
            opener.open(f"{url}/other", timeout=60)


def test_viewers_leave_nothing_behind(stack, failing_over):
    made = stack.aws.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert len(made) == 3  # the distribution, and one for each member of its group
    with viewers(stack.aws, made[0]["Id"]):
        pass
    assert len(stack.aws.client("cloudfront").list_distributions()["DistributionList"]["Items"]) == 3
