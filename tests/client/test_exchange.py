"""What becomes of a POST: which requests leave, in which order, and whose answer the caller gets."""

import json
import threading

import httpx
import pytest
from client_kit import (
    ANSWER,
    API_KEY,
    BODY,
    GENERATION,
    HANG_UP,
    HIT,
    LARGE_BODY,
    MISS,
    OTHER_KEY,
    ROUTE,
    Caller,
    Edge,
    Says,
    json_answer,
    post_it,
    problem,
    proven,
    request_headers,
)

from inference_edge_cache.client import Served, core
from inference_edge_cache.protocol import PUBLIC_KEY, EdgeConfig, RouteRules, parse_path, verify

HTML = Says(200, b"<html></html>", {"content-type": "text/html"})


# --- The GET ----------------------------------------------------------------------------------------------------------


def test_a_storable_post_leaves_as_one_get_that_the_gateway_can_prove(call, edge):
    answer = call.post()
    assert (answer.status, answer.body) == (200, ANSWER)
    assert edge.kinds == ["get"]
    asked = proven(edge.asked("get")[0])
    assert (asked.route, json.loads(asked.body)) == (ROUTE, json.loads(BODY))
    path = parse_path(edge.asked("get")[0].target)
    assert path is not None
    assert (path.route, path.generation, path.scope) == (ROUTE, GENERATION, API_KEY.scope)


def test_a_get_carries_the_form_of_the_answer_the_payload_and_nothing_else(call, edge):
    call.post(accept="application/json", user_agent="me/1", cookie="a=b", x_trace="t", openai_organization="o")
    (get,) = edge.asked("get")
    headers = {name.lower(): value for name, value in get.headers}
    assert len(get.headers) == len(headers)
    assert headers.keys() == {"host", "accept", "accept-encoding", "user-agent", "inference-payload"}
    assert (headers["accept"], headers["user-agent"]) == ("application/json", "me/1")
    assert headers["host"] == edge.url.removeprefix("http://")
    assert get.body == b""


def test_equal_requests_have_one_path_and_different_ones_two(call, edge):
    call.post(b'{"messages": [], "temperature": 0}')
    call.post(b'{"temperature": 0.0, "messages": [ ]}')
    call.post(b'{"messages": [], "temperature": 0, "seed": 1}')
    first, second, third = (seen.target for seen in edge.asked("get"))
    assert first == second != third


def test_a_key_header_is_in_the_payload(call, edge):
    edge.rules(key_headers=("x-model",))
    call.post(x_model="large")
    (get,) = edge.asked("get")
    assert proven(get).headers == (("x-model", "large"),)
    assert get.header("x-model") is None


def test_callers_of_two_scopes_have_two_paths(call, edge):
    call.post()
    call.post(key=OTHER_KEY.text)
    mine, theirs = (parse_path(seen.target) for seen in edge.asked("get"))
    assert mine is not None
    assert theirs is not None
    assert (mine.scope, theirs.scope) == (API_KEY.scope, OTHER_KEY.scope)
    assert mine.key != theirs.key


def test_the_transports_own_api_key_takes_the_place_of_the_requests(call, edge):
    caller = call(api_key=API_KEY.text)
    for key in (None, "sk-of-a-provider", OTHER_KEY.text):
        caller.send("POST", edge.url + ROUTE, content=BODY, headers=request_headers(key))
    assert edge.kinds == ["get"] * 3
    assert len({proven(seen).body for seen in edge.asked("get")}) == 1


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER  "])
def test_the_bearer_scheme_is_read_as_rfc_9110_says(call, edge, scheme):
    call.usual.send("POST", edge.url + ROUTE, content=BODY, headers={"authorization": f"{scheme} {API_KEY.text}"})
    assert edge.kinds == ["get"]


def test_a_public_cache_needs_no_key(call, edge):
    edge.publish(access="public")
    for key in (None, "anything", API_KEY.text):
        call.post(key=key)
    assert edge.kinds == ["get"] * 3
    for seen in edge.asked("get"):
        assert not hasattr(verify(seen.target, seen.header("inference-payload") or "", PUBLIC_KEY), "reason")


def test_a_request_that_fits_no_header_sends_its_path_alone_first(call, edge):
    edge.says["look"] = HIT
    assert call.post(LARGE_BODY).served == Served("store")
    assert edge.kinds == ["look"]


def test_the_documents_payload_budget_counts(call, edge):
    edge.publish(payload_budget=0)
    edge.says["look"] = HIT
    call.post()
    assert edge.kinds == ["look"]


# --- Its outcomes -----------------------------------------------------------------------------------------------------

TO_THE_POST = [204, 206, 301, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 416, 421]
TO_THE_POST += [422, 424, 425, 428, 431, 451, 494, 501, 505, 507, 520, 529]


@pytest.mark.parametrize("status", TO_THE_POST)
def test_a_get_that_answers_nothing_is_followed_by_the_post_once(call, edge, status):
    edge.says["get"] = Says(status, b"" if status in (204, 304) else b"no", {"content-type": "text/plain"})
    edge.says["post"] = HIT
    answer = call.post()
    assert (answer.status, answer.body, answer.served) == (200, ANSWER, Served("store"))
    assert edge.kinds == ["get", "post"]


@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {}), (200, {"content-type": "text/html"}), (200, {"content-type": "application/jsonp"})],
)
def test_a_page_that_an_origin_has_for_every_path_is_no_answer(call, edge, status, headers):
    edge.says["get"] = Says(status, b"<html></html>", headers)
    assert call.post().body == ANSWER
    assert edge.kinds == ["get", "post"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Text/Event-Stream"])
def test_json_and_event_streams_are_answers(call, edge, kind):
    edge.says["get"] = Says(200, b"{}", {"content-type": kind})
    assert call.post().body == b"{}"
    assert edge.kinds == ["get"]


@pytest.mark.parametrize("status", [429, 500])
def test_what_the_callers_own_retries_are_for_is_handed_back(call, edge, status):
    edge.says["get"] = problem(status)
    assert call.post().status == status
    assert edge.kinds == ["get"]


@pytest.mark.parametrize("status", [400, 404, 413, 422, 428, 500, 502, 503, 504, 302])
def test_what_the_model_itself_said_is_handed_back_and_it_is_not_asked_twice(call, edge, status):
    said = f'inference-edge-cache; fwd=uri-miss; fwd-status={status}; detail="status"'
    edge.says["get"] = Says(status, b"the model's words", {"cache-status": said, "content-type": "text/plain"})
    answer = call.post()
    assert (answer.status, answer.body) == (status, b"the model's words")
    assert answer.served == Served("model", "uri-miss: status")
    assert edge.kinds == ["get"]


@pytest.mark.parametrize("failure", [Says(502), Says(503), Says(504), HANG_UP], ids=["502", "503", "504", "lost"])
@pytest.mark.parametrize(
    ("look", "kinds", "tier"),
    [
        (HIT, ["get", "look"], "store"),
        (post_it(), ["get", "look", "post"], "model"),
        (Says(503), ["get", "look", "post"], "model"),
        (problem(429), ["get", "look", "post"], "model"),
        (problem(500), ["get", "look", "post"], "model"),
        (HTML, ["get", "look", "post"], "model"),
        (HANG_UP, ["get", "look", "post"], "model"),
    ],
    ids=["stored", "not stored", "down", "throttled", "broken", "a page", "lost"],
)
def test_a_failing_edge_is_asked_for_the_stored_answer_before_the_post(call, edge, failure, look, kinds, tier):
    edge.says |= {"get": failure, "look": look, "post": MISS}
    answer = call.post()
    assert (answer.status, answer.body, answer.served.tier) == (200, ANSWER, tier)
    assert edge.kinds == kinds


@pytest.mark.parametrize("status", [302, 303])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_redirect_to_the_same_path_is_followed_without_the_payload(call, edge, status, absolute):
    edge.says["get"] = lambda seen: Says(status, headers={"location": (edge.url if absolute else "") + seen.target})
    edge.says["look"] = json_answer(b'{"large": 1}')
    answer = call.post()
    assert (answer.status, answer.body, answer.served) == (200, b'{"large": 1}', Served("bucket"))
    assert edge.kinds == ["get", "look"]
    assert edge.asked("look")[0].target == edge.asked("get")[0].target


def test_redirects_are_followed_once(call, edge):
    edge.says["get"] = edge.says["look"] = lambda seen: Says(302, headers={"location": seen.target})
    assert call.post().served.tier == "model"
    assert edge.kinds == ["get", "look", "post"]


@pytest.mark.parametrize("follow", [False, True])
def test_a_redirect_to_anywhere_else_is_not_followed(call, edge, gateway, follow):
    for location in (gateway.url + "{path}", "//" + gateway.url[7:] + "{path}", "/", "{path}?a=b", "{path}x", ""):
        edge.says["get"] = lambda seen, to=location: Says(302, headers={"location": to.format(path=seen.target)})
        caller = call(follow_redirects=follow)
        assert caller.send("POST", edge.url + ROUTE, content=BODY, headers=request_headers()).body == ANSWER
    assert edge.kinds == ["get", "post"] * 6
    assert gateway.seen == []


@pytest.mark.parametrize(
    ("look", "kinds"),
    [
        (HIT, ["look"]),
        (problem(429), ["look"]),
        (post_it(), ["look", "post"]),
        (problem(404), ["look", "post"]),
        (problem(500), ["look", "post"]),
        (Says(502), ["look", "post"]),
        (Says(503), ["look", "post"]),
        (Says(504), ["look", "post"]),
        (HANG_UP, ["look", "post"]),
    ],
    ids=["stored", "throttled", "not stored", "403", "500", "502", "503", "504", "lost"],
)
def test_a_path_alone_that_answers_nothing_is_followed_by_the_post_once(call, edge, look, kinds):
    """Nobody ran a model for it, so that there is nothing to look for again."""
    edge.says["look"] = look
    answer = call.post(LARGE_BODY)
    assert answer.status == (429 if look.status == 429 else 200)
    assert edge.kinds == kinds


def test_a_long_answer_that_is_not_used_is_left_unread(call, edge):
    edge.says["get"] = Says(404, b"x" * 100_000)
    assert call.post().body == ANSWER
    edge.says["get"] = Says(404, headers={"transfer-encoding": "chunked"}, chunks=iter([b"x" * 10]))
    assert call.post().body == ANSWER
    assert edge.kinds == ["get", "post"] * 2


def test_an_unused_answer_that_breaks_off_does_not_matter(call, edge):
    edge.says["get"] = Says(404, b"", {"content-length": "10", "connection": "close"})
    assert call.post().body == ANSWER
    assert edge.kinds == ["get", "post"]


def test_an_edge_that_has_gone_is_told_as_it_is(call, edge):
    edge.says["document"] = lambda seen: Says(200, edge.config.to_json(), {"connection": "close"})
    edge.says["get"] = json_answer(connection="close")
    call.post()
    edge.close()
    with pytest.raises(call.library.ConnectError):
        call.post()
    assert edge.kinds == ["get"]


def test_a_time_that_is_up_is_told_as_it_is(call, edge):
    done = threading.Event()

    def stuck(_seen):
        done.wait()
        return HANG_UP

    call.post()
    edge.says["get"] = stuck
    short = call.library.Timeout(30, read=0.2)
    with pytest.raises(call.library.ReadTimeout) as late:
        call.usual.send("POST", edge.url + ROUTE, content=BODY, headers=request_headers(), timeout=short)
    done.set()
    assert edge.kinds == ["get", "get"]
    assert API_KEY.text not in str(late.value)


# --- The POST ---------------------------------------------------------------------------------------------------------


def test_the_post_that_follows_is_the_callers_own_byte_for_byte(call, edge):
    body = b'{ "temperature":0.0,\n "messages":[{"role":"user","content":"\\u00e9"}] }'
    headers = {**request_headers(), "X-Trace": "t", "cookie": "a=b"}
    call.plainly("POST", ROUTE, content=body, headers=headers)
    edge.says["get"] = post_it()
    call.usual.send("POST", edge.url + ROUTE, content=body, headers=headers)
    plain, followed = edge.asked("post")
    assert followed == plain
    assert followed.body == body


@pytest.mark.parametrize("status", [200, 400, 401, 404, 409, 413, 428, 429, 500, 502, 503, 504])
def test_the_answer_to_the_post_is_the_answer(call, edge, status):
    edge.says |= {"get": post_it(), "post": Says(status, b"so it is")}
    answer = call.post()
    assert (answer.status, answer.body, answer.served) == (status, b"so it is", Served("passed", "get-428"))
    assert edge.kinds == ["get", "post"]


@pytest.mark.parametrize("status", [302, 303])
@pytest.mark.parametrize("follow", [False, True])
def test_an_answer_too_large_for_the_gateway_is_fetched_from_its_path(call, edge, status, follow):
    edge.says["post"] = lambda seen: Says(status, headers={"location": edge.asked("look")[0].target})
    looks = iter([post_it(), json_answer(b'{"large": 1}', x_cache="Miss from cloudfront")])
    edge.says["look"] = lambda seen: next(looks)
    caller = call(follow_redirects=follow)
    answer = caller.send("POST", edge.url + ROUTE, content=LARGE_BODY, headers=request_headers())
    assert (answer.status, answer.body, answer.served) == (200, b'{"large": 1}', Served("bucket"))
    assert edge.kinds == ["look", "post", "look"]


def test_a_redirect_to_a_path_where_nothing_is_stored_is_handed_back_as_it_is(call, edge):
    edge.says["post"] = lambda seen: Says(303, headers={"location": edge.asked("look")[0].target})
    edge.says["look"] = post_it()
    assert call.post(LARGE_BODY).status == 303
    assert edge.kinds == ["look", "post", "look"]


@pytest.mark.parametrize("kind", ["application/vnd.example.v2+json", "application/json; charset=utf-8"])
def test_whatever_json_may_be_stored_is_an_answer(call, edge, kind):
    edge.says["get"] = Says(200, body=b"{}", headers={"content-type": kind})
    assert call.post().body == b"{}"
    assert edge.kinds == ["get"]


def test_another_redirect_of_the_post_is_the_callers_to_follow(call, edge):
    edge.says |= {"get": post_it(), "post": Says(307, headers={"location": "/elsewhere"})}
    assert call.post().status == 307
    assert edge.kinds == ["get", "post"]


# --- What is not for the edge -----------------------------------------------------------------------------------------

PASSED = {
    "another method": ("PUT", ROUTE, BODY, {}, "method"),
    "a get": ("GET", "/v1/models", None, {}, "method"),
    "another path": ("POST", "/v1/files", BODY, {}, "no-route"),
    "a path below": ("POST", ROUTE + "/", BODY, {}, "no-route"),
    "a path written otherwise": ("POST", ROUTE.replace("chat", "%63hat"), BODY, {}, "no-route"),
    "no key": ("POST", ROUTE, BODY, {"authorization": ""}, "no-api-key"),
    "a key of a provider": ("POST", ROUTE, BODY, {"authorization": "Bearer sk-1"}, "no-api-key"),
    "another scheme": ("POST", ROUTE, BODY, {"authorization": f"Basic {API_KEY.text}"}, "no-api-key"),
    "two schemes": ("POST", ROUTE, BODY, {"authorization": f"Basic Bearer {API_KEY.text}"}, "no-api-key"),
    "bypass": ("POST", ROUTE, BODY, {"Inference-Cache": "bypass"}, "request-control"),
    "refresh": ("POST", ROUTE, BODY, {"inference-cache": "refresh"}, "request-control"),
    "an age": ("POST", ROUTE, BODY, {"inference-cache-ttl": "5"}, "request-control"),
    "sampling": ("POST", ROUTE, b'{"messages": []}', {}, "not-deterministic: temperature"),
    "not json": ("POST", ROUTE, b"hello", {}, "not-json"),
    "nothing": ("POST", ROUTE, b"", {}, "not-json"),
    "a query": ("POST", ROUTE + "?a=b", BODY, {}, "query-string"),
    "a form": ("POST", ROUTE, BODY, {"content-type": "text/plain"}, "content-type"),
}


@pytest.mark.parametrize(("method", "url", "body", "headers", "reason"), PASSED.values(), ids=PASSED.keys())
def test_what_the_edge_cannot_answer_is_sent_as_it_is(call, edge, method, url, body, headers, reason):
    edge.says |= {"other": Says(203, b"yes"), "post": Says(203, b"yes")}
    request = {"content": body, "headers": {**request_headers(), **headers}}
    plain = call.plainly(method, url, **request)
    answer = call.usual.send(method, edge.url + url, **request)
    assert (answer.status, answer.body) == plain == (203, b"yes")
    assert answer.served == Served("passed", reason)
    (_, without), (_, with_it) = (seen for seen in edge.seen if seen[0] != "document")
    assert with_it == without


def test_a_body_that_can_be_sent_only_once_is_not_touched(call, edge):
    def parts():
        yield b'{"temperature": 0, '
        yield b'"messages": []}'

    async def async_parts():
        for part in parts():
            yield part

    answer = call.post(parts() if call.kind is Caller else async_parts())
    assert answer.served == Served("passed", "streamed-body")
    assert edge.seen[0][0] == "post"
    assert edge.asked("post")[0].body == b'{"temperature": 0, "messages": []}'
    assert len(edge.seen) == 1


def test_an_upload_of_files_is_not_touched(call, edge):
    answer = call.usual.send("POST", edge.url + ROUTE, files={"file": b"abc"})
    assert answer.served == Served("passed", "streamed-body")
    assert [kind for kind, _ in edge.seen] == ["post"]


def test_a_request_whose_path_is_replaced_below_is_not_touched(call, edge):
    answer = call.usual.send(
        "POST", edge.url + ROUTE, content=BODY, headers=request_headers(), extensions={"target": b"/another"}
    )
    assert answer.served == Served("passed", "target")
    assert [seen.target for _, seen in edge.seen] == ["/another"]


def test_an_answer_from_the_store_is_marked_so_even_where_the_request_was_passed(call, edge):
    edge.says["post"] = HIT
    assert call.post(inference_cache_ttl="60").served == Served("store")
    edge.says["post"] = json_answer(cache_status='inference-edge-cache; fwd=bypass; fwd-status=200; detail="requested"')
    assert call.post(inference_cache="bypass").served == Served("passed", "request-control")


def test_a_route_that_leaves_no_room_for_a_key_is_passed(call, edge):
    route = "/v1" + "/abcdefgh" * 110
    edge.publish(path=route)
    assert call.post(url=route).served == Served("passed", "path-length")
    assert edge.kinds == ["post"]


# --- Streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["get", "post"])
def test_a_stream_is_handed_on_as_it_comes(call, edge, kind):
    first_came = threading.Event()

    def events():
        yield b"data: 1\n\n"
        assert first_came.wait(30)
        yield b"data: [DONE]\n\n"

    edge.says["get"] = post_it()
    edge.says[kind] = lambda seen: Says(200, headers={"content-type": "text/event-stream"}, chunks=events())
    read = call.usual.first_and_rest(edge.url + ROUTE, first_came.set, content=BODY, headers=request_headers())
    assert read == (b"data: 1\n\n", b"data: [DONE]\n\n")


# --- Where a CDN takes no large bodies --------------------------------------------------------------------------------


def upload_to(edge: Edge, gateway: Edge, base: str = "") -> None:
    edge.publish(upload_url=gateway.url + base)


@pytest.mark.parametrize("base", ["", "/", "/gateway", "/gateway/"])
def test_a_large_body_goes_to_the_upload_url(call, edge, gateway, base):
    upload_to(edge, gateway, base)
    call.plainly("POST", ROUTE, content=LARGE_BODY, headers=request_headers(x_trace="t"))
    assert call.post(LARGE_BODY, x_trace="t", cookie="a=b").status == 200
    assert edge.kinds == ["post", "look"]
    (sent,), (plain,) = gateway.asked("post"), edge.asked("post")
    assert (sent.target, sent.body) == (base.rstrip("/") + ROUTE, LARGE_BODY)
    host = ("Host", gateway.url.removeprefix("http://"))
    assert sent.headers[0] == host
    # The edge's cookies are the edge's.
    assert [line for line in sent.headers if line != host] == [line for line in plain.headers if line[0] != "Host"]


def test_a_large_body_that_is_not_storable_goes_there_too(call, edge, gateway):
    upload_to(edge, gateway)
    answer = call.post(LARGE_BODY, url=ROUTE + "?a=b")
    assert answer.served == Served("passed", "query-string")
    assert edge.kinds == []
    assert gateway.asked("post")[0].target == ROUTE + "?a=b"


@pytest.mark.parametrize(("size", "to_gateway"), [(16 * 1024, False), (16 * 1024 + 1, True)])
def test_large_is_more_than_media_cdn_takes(call, edge, gateway, size, to_gateway):
    upload_to(edge, gateway)
    call.post(b"x" * size)
    assert [len(edge.asked("post")), len(gateway.asked("post"))] == [not to_gateway, to_gateway]


def test_a_body_that_the_cdn_refuses_for_its_size_goes_there_afterwards(call, edge, gateway):
    upload_to(edge, gateway)
    edge.says |= {"get": post_it(), "post": Says(413)}
    assert call.post().body == ANSWER
    assert (edge.kinds, gateway.kinds) == (["get", "post"], ["post"])


def test_a_body_that_the_model_refuses_for_its_size_does_not(call, edge, gateway):
    upload_to(edge, gateway)
    said = "inference-edge-cache; fwd=bypass; fwd-status=413"
    edge.says["post"] = Says(413, b"too long", {"cache-status": said})
    assert call.post(inference_cache="bypass").status == 413
    assert gateway.kinds == []


@pytest.mark.parametrize("failure", [Says(504), HANG_UP], ids=["504", "lost"])
def test_a_model_that_is_too_slow_for_the_cdn_is_asked_there(call, edge, gateway, failure):
    upload_to(edge, gateway)
    edge.says["get"] = failure
    assert call.post().body == ANSWER
    assert (edge.kinds, gateway.kinds) == (["get", "look"], ["post"])


def test_a_large_answer_to_an_upload_is_fetched_from_the_edge(call, edge, gateway):
    upload_to(edge, gateway)
    gateway.says["post"] = lambda seen: Says(303, headers={"location": edge.asked("look")[0].target})
    looks = iter([post_it(), HIT])
    edge.says["look"] = lambda seen: next(looks)
    assert call.post(LARGE_BODY).served == Served("store")
    assert (edge.kinds, gateway.kinds) == (["look", "look"], ["post"])


def test_without_an_upload_url_a_large_body_goes_to_the_edge(call, edge):
    assert call.post(LARGE_BODY).body == ANSWER
    assert edge.kinds == ["look", "post"]


def test_a_document_of_another_machine_cannot_name_a_port_of_this_one(call, edge, gateway):
    """The request is for a name that only its own proxy, here the fake edge, can reach."""
    upload_to(edge, gateway)
    caller = call(transport=getattr(call.library, call.transport_name)(proxy=edge.url, verify=False))
    headers = request_headers()
    answer = caller.send("POST", "http://cache.example.com" + ROUTE, content=LARGE_BODY, headers=headers)
    assert answer.status == 200
    assert gateway.seen == []
    assert [seen.target for seen in edge.asked("post")] == ["http://cache.example.com" + ROUTE]


def test_a_key_that_is_not_the_caches_is_not_sent_to_the_upload_url(call, edge, gateway):
    upload_to(edge, gateway)
    call.post(LARGE_BODY, key="sk-of-a-provider")
    assert (edge.kinds, gateway.kinds) == (["post"], [])


def test_rules_of_another_dialect_come_from_the_document(call, edge):
    edge.rules(dialect="openai-embeddings")
    call.post(b'{"input": "hello", "model": "m"}')
    assert edge.kinds == ["get"]
    assert RouteRules(dialect="openai-embeddings") == edge.config.routes[0].rules


@pytest.mark.parametrize(
    ("edge", "honoured"),
    [("https://edge.example.com", True), ("http://127.0.0.1:1", True), ("http://edge.example.com", False)],
)
def test_who_could_be_read_on_the_way_does_not_say_where_the_key_goes(edge, honoured):
    config = EdgeConfig(routes=(), upload_url="https://gateway.example.com")
    assert (core._upload_url(httpx.Request("POST", edge + ROUTE), config) is not None) is honoured
