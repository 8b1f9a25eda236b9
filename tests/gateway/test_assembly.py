"""What the environment and the configuration of a deployed gateway make, and what is said when they cannot."""

import json
import threading

import pytest
from gateway_kit import CHAT, MASTER, chat_body, config_of, setting

from inference_edge_cache.gateway import assembly
from inference_edge_cache.gateway.assembly import DeployedGateway, deployed, gateway_from
from inference_edge_cache.gateway.config import GatewayConfig, GatewayConfigError, ResultRules
from inference_edge_cache.gateway.messages import Deadline, Request
from inference_edge_cache.protocol import DISCOVERY_PATH, EdgeConfig, RouteConfig, RouteRules, derive_api_key
from inference_edge_cache.protocol.keys import origin_proof

KEYED = config_of().to_json()
PUBLIC = config_of(access="public").to_json()
ORIGIN, OLD_ORIGIN = "a-secret-of-the-cdn-1", "a-secret-of-the-cdn-0"

MIB = 1024 * 1024
LATEST = "projects/hunter2/secrets/s/versions/latest"
NO_HEADERS = (
    "MODEL_HEADERS_SOURCE: headers are named by env:NAME, aws:ARN@VERSION or gcp:projects/P/secrets/S/versions/N"
)

ENVIRON = {
    "INFERENCE_EDGE_CACHE_STORE": "memory:",
    "INFERENCE_EDGE_CACHE_MODEL": json.dumps({"https": {"url": "http://127.0.0.1:1"}}),
    "INFERENCE_EDGE_CACHE_MASTER_SOURCE": "env:THE_MASTER",
    "THE_MASTER": MASTER.decode(),
}


def environ(**changes: str | None) -> dict[str, str]:
    """The environment with changes, ``None`` for what is not set."""
    made = {**ENVIRON, **{f"INFERENCE_EDGE_CACHE_{name}": value for name, value in changes.items()}}
    return {name: value for name, value in made.items() if value is not None}


def status_of(gateway: DeployedGateway, method="GET", path=DISCOVERY_PATH, body=b"", **headers: str) -> int:
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    request = Request(method=method, path=path, headers=lines, body=body)
    return gateway.handle(request, Deadline.after(20)).status


def problems_of(environ, config=KEYED) -> list[str]:
    """The lines of what is wrong."""
    with pytest.raises(GatewayConfigError) as caught:
        gateway_from(environ, config)
    head, *lines = str(caught.value).split("\n")
    assert head == "the gateway cannot be set up:"
    return [line.strip() for line in lines]


# --- What it makes ------------------------------------------------------------------------------------------------


def test_a_gateway_with_its_callers_its_store_and_its_model():
    gateway = gateway_from(environ(), KEYED)
    json_body = {"content_type": "application/json"}
    mine = f"Bearer {derive_api_key(MASTER, 'alice').text}"
    assert status_of(gateway) == 200
    assert status_of(gateway, "POST", CHAT, chat_body(), **json_body) == 401
    # The key counts, the store has nothing, and nobody listens where the model should be.
    assert status_of(gateway, "POST", CHAT, chat_body(), authorization=mine, **json_body) == 502


def test_with_public_access_there_is_no_master():
    gateway = gateway_from(environ(MASTER_SOURCE=None), PUBLIC)
    assert status_of(gateway, "POST", CHAT, chat_body(), content_type="application/json") == 502


def test_with_an_origin_secret_only_the_cdn_is_let_in():
    gateway = gateway_from(environ(ORIGIN_SECRET=ORIGIN), KEYED)
    assert status_of(gateway) == 403
    assert status_of(gateway, x_inference_edge_cache_origin=OLD_ORIGIN) == 403
    assert status_of(gateway, x_inference_edge_cache_origin=ORIGIN) == 200


def test_during_a_rotation_there_are_two_origin_secrets():
    gateway = gateway_from(environ(ORIGIN_SECRET=f"{ORIGIN} {OLD_ORIGIN}"), KEYED)
    for secret in (ORIGIN, OLD_ORIGIN):
        assert status_of(gateway, x_inference_edge_cache_origin=secret) == 200
    assert status_of(gateway, x_inference_edge_cache_origin=f"{ORIGIN} {OLD_ORIGIN}") == 403


@pytest.mark.parametrize(("text", "seconds"), [(None, 300), ("60", 60), ("0.5", 0.5), ("3600", 3600)])
def test_how_long_an_answer_may_take(text, seconds):
    assert gateway_from(environ(TIMEOUT=text), KEYED).timeout == seconds


def test_printing_it_shows_no_secret():
    shown = repr(gateway_from(environ(ORIGIN_SECRET=ORIGIN), KEYED))
    for secret in (ORIGIN, repr(MASTER), MASTER.decode(), "127.0.0.1"):
        assert secret not in shown


def test_what_its_front_door_needs_to_know():
    origin = {"/a": (100, 86_400), "/b": (200 * MIB, 86_399)}
    routes = tuple(
        RouteConfig(path=path, generation="g" * 12, rules=RouteRules(dialect="openai-chat", max_body_bytes=longest))
        for path, (longest, _) in origin.items()
    )
    results = {path: ResultRules(ttl=60, result_max_age=oldest) for path, (_, oldest) in origin.items()}
    gateway = gateway_from(environ(), GatewayConfig(EdgeConfig(routes=routes), results).to_json())
    assert gateway.max_body_bytes == 200 * MIB
    rest = f"/~/{'g' * 12}/{'s' * 12}/{'A' * 43}"
    assert gateway.in_the_bucket_of_the_cdn(f"/a{rest}")
    assert not gateway.in_the_bucket_of_the_cdn(f"/b{rest}")
    assert not gateway.in_the_bucket_of_the_cdn(f"/c{rest}")
    assert not gateway.in_the_bucket_of_the_cdn("/a")


def test_a_body_that_is_too_large_for_any_route_is_taken_all_the_same_so_that_it_can_pass():
    assert gateway_from(environ(), KEYED).max_body_bytes == 32 * MIB
    assert gateway_from(environ(), GatewayConfig(EdgeConfig(routes=()), {}).to_json()).max_body_bytes == 32 * MIB


# --- What is wrong ------------------------------------------------------------------------------------------------


def test_every_problem_is_told_at_once():
    assert problems_of({"INFERENCE_EDGE_CACHE_TIMEOUT": "soon"}) == [
        "INFERENCE_EDGE_CACHE_STORE: is not set",
        "INFERENCE_EDGE_CACHE_MODEL: is not set",
        "INFERENCE_EDGE_CACHE_MASTER_SOURCE: is not set",
        "INFERENCE_EDGE_CACHE_TIMEOUT: must be a number of seconds above 0, at most 3600",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("STORE", value) for value in ("", "s3:hunter2", "hunter2", "ftp://hunter2")),
        *(("MODEL", value) for value in ("", "hunter2", "[]", '{"https": {"url": "hunter2"}}')),
        ("MODEL", '{"https": {"url": "https://hunter2@h", "headers": {"authorization": "hunter2"}}}'),
        ("MODEL", '{"https": {"url": "https://h", "headers": {"x-key": "hunter2\\n"}}}'),
        *(("MASTER_SOURCE", value) for value in ("", "hunter2", "env:THE_MASTER_THAT_IS_NOT_SET", "gcp:hunter2")),
        *(("ORIGIN_SECRET", value) for value in ("", " ", "hunter2", ORIGIN + " ", f"{ORIGIN}\n", f"{ORIGIN} hunter2")),
        ("ORIGIN_SECRET", f"{ORIGIN} {OLD_ORIGIN} {ORIGIN}"),
        ("ORIGIN_SECRET", "hunter2hunter2hunter2é"),
        *(("TIMEOUT", value) for value in ("", "0", "-1", "nan", "inf", "3601", "hunter2")),
    ],
)
def test_what_cannot_be_used_is_named_and_not_shown(name, value):
    (line,) = problems_of(environ(**{name: value}))
    assert line.startswith(f"INFERENCE_EDGE_CACHE_{name}: ")
    for shown in ("hunter2", ORIGIN, OLD_ORIGIN):
        assert shown not in line


def test_a_master_that_is_too_short():
    lines = problems_of({**environ(), "THE_MASTER": "hunter2"})
    assert lines == ["INFERENCE_EDGE_CACHE_MASTER_SOURCE: the master secret has less than 32 bytes"]


def test_a_master_where_access_is_public():
    (line,) = problems_of(environ(), PUBLIC)
    assert line == (
        "INFERENCE_EDGE_CACHE_MASTER_SOURCE: is set, but gateway.json says that access is public: one of both is wrong"
    )


@pytest.mark.parametrize("config", [b"", b"{}", b"[]", b'{"edge": {"version": 9}, "results": {}}'])
def test_a_configuration_that_is_none(config):
    (line,) = problems_of(environ(), config)
    assert line.startswith("gateway.json: ")


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    lines = problems_of(environ(STORE="s3://a-bucket", MASTER_SOURCE="aws:master"))
    assert lines == [
        "INFERENCE_EDGE_CACHE_STORE: needs boto3, which is not installed",
        "INFERENCE_EDGE_CACHE_MASTER_SOURCE: a master secret by aws: needs boto3, which is not installed",
    ]


def test_the_error_of_an_sdk_is_named_and_not_quoted(monkeypatch):
    from inference_edge_cache.gateway import stores

    def fail(spec: str):
        raise RuntimeError(f"no bucket in {spec}")

    monkeypatch.setattr(stores, "store_from", fail)
    assert problems_of(environ(STORE="s3://hunter2")) == ["INFERENCE_EDGE_CACHE_STORE: RuntimeError"]


# --- The gateway of this process ----------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path, monkeypatch):
    """The environment of a deployed process, and the file of its configuration."""
    for name, value in environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(assembly, "CONFIG_FILE", tmp_path / "gateway.json")
    assembly._deployed.cache_clear()
    yield tmp_path / "gateway.json"
    assembly._deployed.cache_clear()


def test_a_process_has_one_gateway(process):
    process.write_bytes(KEYED)
    found = []
    threads = [threading.Thread(target=lambda: found.append(deployed())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_a_process_that_could_not_be_set_up_tries_again(process):
    with pytest.raises(GatewayConfigError, match=r"gateway.json cannot be read: No such file"):
        deployed()
    process.write_bytes(KEYED)
    assert deployed().config == setting().config


# --- What follows from the master secret, and what else is kept with it ---------------------------------------------


def test_the_cdn_proves_itself_with_what_follows_from_the_master():
    gateway = gateway_from(environ(ORIGIN_PROOF="master"), KEYED)
    assert status_of(gateway) == 403
    assert status_of(gateway, x_inference_edge_cache_origin=origin_proof(b"x" * 32)) == 403
    assert status_of(gateway, x_inference_edge_cache_origin=origin_proof(MASTER)) == 200


@pytest.mark.parametrize(
    "changes",
    [{"ORIGIN_PROOF": "hunter2"}, {"ORIGIN_PROOF": ""}, {"ORIGIN_PROOF": "master", "ORIGIN_SECRET": ORIGIN}],
)
def test_a_proof_that_is_none(changes):
    (line,) = problems_of(environ(**changes))
    assert line.startswith("INFERENCE_EDGE_CACHE_ORIGIN_PROOF: must be 'master'")
    assert "hunter2" not in line


def test_a_proof_without_a_master_to_follow_from():
    (line,) = problems_of(environ(ORIGIN_PROOF="master", MASTER_SOURCE=None), PUBLIC)
    assert line.startswith("INFERENCE_EDGE_CACHE_ORIGIN_PROOF: ")


def test_the_headers_of_the_model_come_from_where_secrets_are_kept(monkeypatch):
    asked = []
    monkeypatch.setattr("inference_edge_cache.gateway.models.model_from", asked.append)
    variables = {**environ(MODEL_HEADERS_SOURCE="env:THE_HEADERS"), "THE_HEADERS": '{"x-api-key": "hunter2"}'}
    with pytest.raises(GatewayConfigError):  # there is no model: it was only looked at
        gateway_from(variables, KEYED)
    assert asked == [{"https": {"url": "http://127.0.0.1:1", "headers": {"x-api-key": "hunter2"}}}]


@pytest.mark.parametrize(
    ("source", "text", "where"),
    [
        *((source, "{}", NO_HEADERS) for source in ("hunter2", "aws:hunter2", "gcp:hunter2", "gcp:" + LATEST)),
        ("env:THE_HEADERS", "hunter2", "MODEL_HEADERS_SOURCE: the headers are not a JSON object of texts"),
        ("env:THE_HEADERS", '{"hunter2": 2}', "MODEL_HEADERS_SOURCE: the headers are not a JSON object of texts"),
        ("env:THE_HEADERS", '{"x-key": "hunter2\\n"}', "MODEL: headers: 'x-key' is not a header that can be sent"),
    ],
)
def test_headers_that_cannot_be_used_are_not_shown(source, text, where):
    lines = problems_of({**environ(MODEL_HEADERS_SOURCE=source), "THE_HEADERS": text})
    assert lines == [f"INFERENCE_EDGE_CACHE_{where}"]


def test_headers_are_for_an_https_model_alone():
    variables = environ(MODEL_HEADERS_SOURCE="env:THE_HEADERS", MODEL='{"sagemaker": {"endpoint_name": "e"}}')
    (line,) = problems_of({**variables, "THE_HEADERS": '{"x-key": "hunter2"}'})
    assert line == (
        "INFERENCE_EDGE_CACHE_MODEL: is no https model, and INFERENCE_EDGE_CACHE_MODEL_HEADERS_SOURCE gives headers to "
        "no other"
    )


# --- Past the CDN -------------------------------------------------------------------------------------------------

BEARER = {
    name: f"Bearer {derive_api_key(master, 'alice').text}" for name, master in (("ours", MASTER), ("not", b"x" * 32))
}
JSON_BODY = {"content_type": "application/json"}


@pytest.fixture(scope="module", params=["ORIGIN_PROOF", "ORIGIN_SECRET"])
def open_to_uploads(request):
    """A gateway whose own URL is in the discovery document."""
    guard = {"ORIGIN_PROOF": "master"} if request.param == "ORIGIN_PROOF" else {"ORIGIN_SECRET": ORIGIN}
    return gateway_from(environ(UPLOADS="keyed", **guard), KEYED)


def test_a_post_with_a_key_may_come_past_the_cdn(open_to_uploads):
    given = {"authorization": BEARER["ours"], **JSON_BODY}
    # It is let in: nobody listens where the model should be.
    assert status_of(open_to_uploads, "POST", CHAT, chat_body(), **given) == 502


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", CHAT, {}),
        ("POST", CHAT, {"authorization": BEARER["not"]}),
        ("POST", CHAT, {"authorization": "Bearer iec1.x.y"}),
        ("POST", "/elsewhere", {"authorization": BEARER["ours"]}),
        ("POST", f"{CHAT}/~/{'g' * 12}/{'s' * 12}/{'A' * 43}", {"authorization": BEARER["ours"]}),
        *(("GET", path, {"authorization": BEARER["ours"]}) for path in (CHAT, DISCOVERY_PATH)),
        *(("HEAD", path, {"authorization": BEARER["ours"]}) for path in (CHAT, DISCOVERY_PATH)),
        ("GET", f"{CHAT}/~/{'g' * 12}/{'s' * 12}/{'A' * 43}", {"authorization": BEARER["ours"]}),
        ("PUT", CHAT, {"authorization": BEARER["ours"]}),
    ],
)
def test_nothing_else_may(open_to_uploads, method, path, headers):
    assert status_of(open_to_uploads, method, path, chat_body(), **headers, **JSON_BODY) == 403


def test_through_the_cdn_everything_comes_as_ever():
    gateway = gateway_from(environ(UPLOADS="keyed", ORIGIN_PROOF="master"), KEYED)
    proof = {"x_inference_edge_cache_origin": origin_proof(MASTER)}
    assert status_of(gateway, **proof) == 200
    assert status_of(gateway, "POST", CHAT, chat_body(), **proof, **JSON_BODY) == 401


def test_unless_it_is_said_a_key_does_not_open_the_guarded_door():
    gateway = gateway_from(environ(ORIGIN_PROOF="master"), KEYED)
    given = {"authorization": BEARER["ours"], **JSON_BODY}
    assert status_of(gateway, "POST", CHAT, chat_body(), **given) == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"UPLOADS": "hunter2", "ORIGIN_PROOF": "master"},
        {"UPLOADS": "", "ORIGIN_PROOF": "master"},
        {"UPLOADS": "keyed"},
    ],
)
def test_uploads_by_key_need_a_door_that_is_guarded(changes):
    (line,) = problems_of(environ(**changes))
    assert line.startswith("INFERENCE_EDGE_CACHE_UPLOADS: must be 'keyed', with a master secret")
    assert "hunter2" not in line


def test_with_public_access_nobody_has_a_key_to_upload_with():
    (line,) = problems_of(environ(UPLOADS="keyed", ORIGIN_SECRET=ORIGIN, MASTER_SOURCE=None), PUBLIC)
    assert line.startswith("INFERENCE_EDGE_CACHE_UPLOADS: ")
