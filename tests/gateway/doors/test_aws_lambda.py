"""The handler of a Lambda function URL, with events as Lambda sends them."""

import base64
import json
import logging
from dataclasses import dataclass, field

import pytest
from gateway_kit import CHAT, JSON, SSE, ScriptedModel, Setting, answering, chat_answer, chat_body, chat_stream, setting
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.gateway.assembly import DeployedGateway
from inference_edge_cache.gateway.config import GatewayConfig, GatewayConfigError, ResultRules
from inference_edge_cache.gateway.doors import Guarded, aws_lambda, one_of
from inference_edge_cache.gateway.doors.aws_lambda import MARGIN, MAX_PAYLOAD, handler, payload, request_from
from inference_edge_cache.gateway.messages import Deadline, Request, Response
from inference_edge_cache.gateway.store import Result
from inference_edge_cache.protocol import DISCOVERY_PATH

SECRET = "what only the cdn knows"


def event(method="GET", path="/", query="", headers=None, body=None, encoded=False, cookies=None):
    """An event as a function URL makes it (docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html)."""
    host = "abcdefg.lambda-url.eu-central-1.on.aws"
    made = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "host": host,
            "x-amzn-trace-id": "Root=1-62ecd163-5f302e550dcde3b12402207d",
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
            "x-forwarded-for": "203.0.113.9",
            "accept": "*/*",
            "user-agent": "Amazon CloudFront",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefg",
            "domainName": host,
            "domainPrefix": "abcdefg",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "Amazon CloudFront",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "05/Aug/2026:08:14:39 +0000",
            "timeEpoch": 1785917679885,
        },
        "isBase64Encoded": encoded,
    }
    if body is not None:
        made["body"] = base64.b64encode(body).decode() if encoded else body.decode()
    if query:
        made["queryStringParameters"] = dict(pair.split("=") for pair in query.split("&"))
    if cookies:
        made["cookies"] = cookies
    return made


@dataclass
class Context:
    """What Lambda gives beside an event, as far as the handler reads it."""

    millis: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.millis


@dataclass
class Lambda:
    """The handler, and the gateway behind it."""

    at: Setting
    deployed: DeployedGateway

    def __call__(self, *args, **more):
        answer = handler(event(*args, **more), Context())
        assert len(json.dumps(answer)) <= MAX_PAYLOAD
        return answer

    def post(self, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = {"authorization": f"Bearer {self.at.key()}", "content-type": "application/json", **named}
        return self("POST", CHAT, headers=lines, body=body or chat_body())


@pytest.fixture
def function(monkeypatch):
    """Makes a function of a gateway."""

    def function(at: Setting | None = None, gateway=None, config=None, timeout=300.0) -> Lambda:
        at = at or setting()
        deployed = DeployedGateway(gateway or at.gateway, config or at.config, timeout)
        monkeypatch.setattr(aws_lambda, "deployed", lambda: deployed)
        return Lambda(at, deployed)

    return function


@dataclass
class Fixed:
    """A gateway that always answers the same, and remembers what it was asked."""

    response: Response
    asked: list[tuple[Request, Deadline, bool]] = field(default_factory=list)

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        self.asked.append((request, deadline, live))
        return self.response


def told(answer):
    """The problem that an answer is."""
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"]["cache-control"] == "no-store"
    document = json.loads(answer["body"])
    assert document["status"] == answer["statusCode"]
    return document


# --- Requests -----------------------------------------------------------------------------------------------------


def test_a_request_as_it_was_sent():
    made = event("POST", "/v1/a%2Fb", "x=1&y=%20", {"X-Two": "a,b"}, b'{"a":"\xc3\xa9"}', cookies=["a=1", "b=2"])
    request = request_from(made)
    assert request is not None
    assert (request.method, request.path, request.query) == ("POST", "/v1/a%2Fb", "x=1&y=%20")
    assert request.body == b'{"a":"\xc3\xa9"}'
    assert request.header("x-two") == "a,b"
    assert request.header("cookie") == "a=1; b=2"
    assert request.header("host") == "abcdefg.lambda-url.eu-central-1.on.aws"


def test_a_body_in_base64():
    request = request_from(event("POST", "/", body=b"\x00\xff", encoded=True))
    assert request is not None
    assert request.body == b"\x00\xff"


def test_an_event_without_what_a_request_lacks():
    made = event()
    del made["rawQueryString"]
    request = request_from({**made, "body": None})
    assert request is not None
    assert (request.query, request.body) == ("", b"")


def changed(**parts):
    return {**event("POST", CHAT, body=b"{}"), **parts}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "event",
        {},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"version": "1.0", "httpMethod": "GET", "path": "/", "headers": {}, "requestContext": {}},
        changed(version="1.0"),
        changed(version=None),
        changed(headers=None),
        changed(headers=["accept"]),
        changed(headers={"accept": None}),
        changed(headers={"accept": ["a", "b"]}),
        changed(headers={"": "x"}),
        changed(headers={"a b": "x"}),
        changed(headers={"accept": "x\r\ninference-cache: bypass"}),
        changed(headers={"accept\n": "x"}),
        changed(requestContext={}),
        changed(requestContext={"http": {"method": None}}),
        changed(requestContext={"http": {"method": ""}}),
        changed(requestContext={"http": {"method": "GET /"}}),
        changed(rawPath=None),
        changed(rawPath=""),
        changed(rawPath="v1/x"),
        changed(rawPath="/v1\n"),
        changed(rawQueryString=None),
        changed(rawQueryString=["a"]),
        changed(rawQueryString="a\0"),
        changed(cookies=[None]),
        changed(cookies=[1]),
        changed(body=5),
        changed(body={"a": 1}),
        changed(body="\ud800"),
        changed(body="not base64!", isBase64Encoded=True),
    ],
)
def test_what_is_no_event_of_a_function_url_is_a_400(function, wrong, caplog, capsys):
    function()
    assert request_from(wrong) is None
    answer = handler(wrong, Context())
    assert answer["statusCode"] == 400
    assert told(answer)["detail"] == "this is no request to a function URL, payload format 2.0"
    # Its line in the log says that, and nothing of the event.
    out, err = capsys.readouterr()
    assert caplog.text == err == ""
    assert json.loads(out)["message"] == "other - 400 refused"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(json_values)
def test_no_event_whatever_makes_the_parser_raise(made):
    found = request_from(made)
    assert found is None or isinstance(found, Request)


@given(st.dictionaries(st.sampled_from(sorted(changed(cookies=["a=1"]))), json_values, max_size=4), json_values)
def test_no_part_of_an_event_makes_the_parser_raise(parts, http):
    made = changed(**parts)
    if not parts:
        made["requestContext"]["http"] = http
    found = request_from(made)
    assert found is None or isinstance(found.body, bytes)


# --- Answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text", "encoded"),
    [
        (b"", "", False),
        (b'{"a":1}', '{"a":1}', False),
        ("data: é\n\n".encode(), "data: é\n\n", False),
        (b"\xff\xfe", "//4=", True),
    ],
)
def test_a_body_is_text_where_it_can_be(body, text, encoded):
    answer = payload(Response(status=200, headers=(), body=body), "GET")
    assert answer == {"statusCode": 200, "headers": {}, "cookies": [], "body": text, "isBase64Encoded": encoded}


def test_lines_of_one_header_are_joined_and_cookies_are_not():
    headers = (("vary", "a"), ("set-cookie", "x=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"), ("set-cookie", "y=2"))
    answer = payload(Response(status=200, headers=(*headers, ("vary", "b"))), "GET")
    assert answer is not None
    assert answer["headers"] == {"vary": "a, b"}
    assert answer["cookies"] == ["x=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "y=2"]


def test_a_header_that_lambda_renamed_before_is_not_sent_again():
    headers = (("x-amzn-remapped-content-length", "0"), ("x-amzn-requestid", "1"))
    answer = payload(Response(status=200, headers=headers), "GET")
    assert answer is not None
    assert answer["headers"] == {"x-amzn-requestid": "1"}


@pytest.mark.parametrize(("method", "kept"), [("GET", {}), ("POST", {}), ("HEAD", {"content-length": "7"})])
def test_the_length_is_lambdas_to_count_but_of_a_head(method, kept):
    answer = payload(Response(status=200, headers=(("content-length", "7"),)), method)
    assert answer is not None
    assert answer["headers"] == kept


# --- The gateway behind it ----------------------------------------------------------------------------------------


def test_a_post_then_a_get_of_the_same_answer(function):
    serve = function()
    posted = serve.post()
    path = posted["headers"]["content-location"]
    got = serve("GET", path)
    assert (posted["statusCode"], got["statusCode"]) == (200, 200)
    assert posted["body"].encode() == got["body"].encode() == chat_answer()
    assert got["headers"]["cache-status"] == "inference-edge-cache;hit;ttl=86400"
    assert len(serve.at.model.asked) == 1


def test_a_get_with_its_payload_runs_the_model(function):
    serve = function()
    path, proof = serve.at.cacheable(chat_body())
    assert serve("GET", path)["statusCode"] == 428
    assert serve("GET", path, headers={"Inference-Payload": proof})["body"].encode() == chat_answer()


def test_a_head_has_the_length_and_no_body(function):
    serve = function()
    path = serve.post()["headers"]["content-location"]
    answer = serve("HEAD", path)
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert answer["headers"]["content-length"] == str(len(chat_answer()))


def test_not_modified_has_no_body(function):
    serve = function()
    posted = serve.post()
    answer = serve("GET", posted["headers"]["content-location"], headers={"if-none-match": posted["headers"]["etag"]})
    assert (answer["statusCode"], answer["body"]) == (304, "")


def test_an_event_stream_is_answered_when_it_is_complete(function):
    events = chat_stream("a", "b")
    serve = function(setting(ScriptedModel(answering(200, events, SSE))))
    answer = serve.post(chat_body(stream=True))
    assert answer["body"].encode() == b"".join(events)
    assert answer["headers"]["content-type"].startswith("text/event-stream")
    assert "stored" in answer["headers"]["cache-status"]


def test_cookies_of_a_passed_on_answer_come_apart(function):
    model = ScriptedModel(answering(200, chat_answer(), (*JSON, ("set-cookie", "a=1"), ("set-cookie", "b=2"))))
    answer = function(setting(model)).post(inference_cache="bypass")
    assert answer["cookies"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", DISCOVERY_PATH, {}, 200),
        ("GET", "/.well-known/inference-edge-cache/health", {}, 200),
        ("GET", "/nothing/here", {}, 404),
        ("POST", CHAT, {}, 401),
        ("POST", CHAT, {"authorization": "Bearer x"}, 401),
        ("DELETE", CHAT, {}, 405),
    ],
)
def test_the_gateways_own_answers_come_through(function, method, path, headers, status):
    answer = function()(method, path, headers=headers)
    assert answer["statusCode"] == status
    assert answer["isBase64Encoded"] is False


@pytest.mark.parametrize("header", [None, "", SECRET[:-1], SECRET + "x", f"{SECRET}, {SECRET}"])
def test_who_is_not_the_cdn_is_turned_away(function, header):
    at = setting()
    serve = function(at, gateway=Guarded(at.gateway, one_of((b"the one before it", SECRET.encode()))))
    known = {} if header is None else {"x-inference-edge-cache-origin": header}
    answer = serve("GET", DISCOVERY_PATH, headers=known)
    assert answer["statusCode"] == 403
    assert told(answer)["title"] == "Forbidden"
    assert SECRET not in json.dumps(answer)


def test_a_head_that_is_turned_away_has_no_body(function):
    at = setting()
    answer = function(at, gateway=Guarded(at.gateway, one_of((SECRET.encode(),))))("HEAD", DISCOVERY_PATH)
    assert (answer["statusCode"], answer["body"]) == (403, "")


@pytest.mark.parametrize("header", [SECRET, "the one before it"])
def test_the_cdn_is_let_in_by_either_secret(function, header):
    at = setting()
    serve = function(at, gateway=Guarded(at.gateway, one_of((b"the one before it", SECRET.encode()))))
    assert serve("GET", DISCOVERY_PATH, headers={"x-inference-edge-cache-origin": header})["statusCode"] == 200


# --- Deadlines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("millis", "timeout", "seconds"), [(30_000, 300, 30 - MARGIN), (900_000, 60, 60), (200, 300, 0.2 - MARGIN)]
)
def test_the_deadline_is_what_lambda_leaves_less_a_margin(function, monkeypatch, millis, timeout, seconds):
    fixed = Fixed(Response(status=200, headers=()))
    function(gateway=fixed, timeout=timeout)
    monkeypatch.setattr(aws_lambda.Deadline, "after", lambda seconds: Deadline(seconds, lambda: 0))
    handler(event(), Context(millis))
    ((_, deadline, live),) = fixed.asked
    assert deadline.at == pytest.approx(seconds)
    assert live is False


# --- Too large ----------------------------------------------------------------------------------------------------


def large(size=MAX_PAYLOAD):
    return b'"' + b"x" * size + b'"'


def stored_in(at: Setting, body: bytes) -> str:
    path, _ = at.cacheable(chat_body())
    assert at.store.put(path, Result(body, "application/json", int(at.clock())), "public")
    return path


def test_the_largest_answer_that_fits_is_sent(function):
    fixed = Fixed(Response(status=200, headers=()))
    serve = function(gateway=fixed)
    empty = len(json.dumps(serve()))
    fixed.response = Response(status=200, headers=(), body=b"x" * (MAX_PAYLOAD - empty))
    assert serve()["statusCode"] == 200
    fixed.response = Response(status=200, headers=(), body=b"x" * (MAX_PAYLOAD - empty + 1))
    assert serve()["statusCode"] == 502


def test_text_whose_escapes_make_it_too_long_is_sent_in_base64(function):
    body = "漢".encode() * (MAX_PAYLOAD // 5)
    serve = function(gateway=Fixed(Response(status=200, headers=(), body=body)))
    answer = serve()
    assert answer["isBase64Encoded"] is True
    assert base64.b64decode(answer["body"]) == body


@pytest.mark.parametrize(
    ("method", "status", "why"),
    [("GET", 302, "hit;ttl=86400"), ("POST", 303, "hit;ttl=86400")],
)
def test_a_stored_answer_that_is_too_large_is_where_the_cdn_finds_it(function, method, status, why):
    serve = function()
    path = stored_in(serve.at, large())
    answer = serve.post() if method == "POST" else serve(method, path)
    assert answer == {
        "statusCode": status,
        "headers": {
            "location": path,
            "cache-control": "no-store",
            "cache-status": f'inference-edge-cache;{why};detail="answer-too-large"',
        },
        "cookies": [],
        "body": "",
        "isBase64Encoded": False,
    }


def test_a_head_of_a_large_answer_is_answered(function):
    serve = function()
    answer = serve("HEAD", stored_in(serve.at, large()))
    assert (answer["statusCode"], answer["headers"]["content-length"]) == (200, str(len(large())))


def test_a_redirect_that_would_lead_back_here_is_not_sent(function):
    at = setting()
    path = stored_in(at, large())
    young = {route: ResultRules(ttl=60, result_max_age=3600) for route in at.config.results}
    answer = function(at, config=GatewayConfig(at.config.edge, young))("GET", path)
    assert answer["statusCode"] == 502
    assert told(answer)["detail"] == "the answer is larger than a Lambda function can give"


def test_an_answer_that_is_too_large_and_not_stored_is_a_502(function):
    serve = function(setting(ScriptedModel(answering(200, large()))))
    answer = serve.post(inference_cache="bypass")
    assert answer["statusCode"] == 502
    assert told(answer)["detail"] == "the answer is larger than a Lambda function can give"
    assert answer["headers"]["cache-status"] == 'inference-edge-cache;detail="answer-too-large"'


# --- Not set up ---------------------------------------------------------------------------------------------------


def test_a_gateway_that_cannot_be_set_up_says_so_each_time(monkeypatch, caplog):
    def fail():
        raise GatewayConfigError("the gateway cannot be set up:\n  INFERENCE_EDGE_CACHE_STORE: is not set")

    monkeypatch.setattr(aws_lambda, "deployed", fail)
    with caplog.at_level(logging.ERROR):
        answer = handler(event("GET", DISCOVERY_PATH), Context())
    assert answer["statusCode"] == 503
    assert told(answer)["detail"] == "the gateway is not set up; its log says why"
    assert "INFERENCE_EDGE_CACHE_STORE: is not set" in caplog.text
