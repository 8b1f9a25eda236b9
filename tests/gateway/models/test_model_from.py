"""A model from its description."""

import json
import subprocess
import sys

import pytest
from model_kit import Server, ask

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.models import model_from
from inference_edge_cache.gateway.models.bedrock import BedrockModel
from inference_edge_cache.gateway.models.https import HttpsModel
from inference_edge_cache.gateway.models.sagemaker import SageMakerModel
from inference_edge_cache.gateway.models.vertex import VertexModel

KINDS = [
    (HttpsModel, {"https": {"url": "https://m.example.com", "headers": {"x-key": "k"}, "connect_timeout": 2}}),
    (
        SageMakerModel,
        {
            "sagemaker": {
                "endpoint_name": "llm",
                "target_model": "m",
                "target_variant": "v",
                "inference_component": "c",
                "region": "us-east-1",
                "endpoint_url": "https://vpce.example.com",
            }
        },
    ),
    (BedrockModel, {"bedrock": {"model_id": "m", "api": "converse", "region": "us-east-1"}}),
    (VertexModel, {"vertex": {"endpoint": "1", "project": "p", "location": "us-central1", "method": "predict"}}),
]


@pytest.mark.parametrize(("kind", "spec"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_each_kind_is_made_from_an_object_or_its_json(kind, spec):
    assert isinstance(model_from(spec), kind)
    assert isinstance(model_from(json.dumps(spec)), kind)


def test_the_model_has_what_its_description_says(server: Server):
    server.says()
    headers = {"authorization": "Bearer k"}
    ask(model_from({"https": {"url": server.url + "/base", "headers": headers, "allow_http": True}}))
    assert (server.only.target, server.only.header("authorization")) == ("/base/v1/chat", "Bearer k")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("secret", "in JSON"),
        ("[" * 100_000, "in JSON"),
        ("[]", "one member"),
        ("null", "one member"),
        ({}, "one member"),
        ({"https": {"url": "https://a"}, "vertex": {}}, "one member"),
        ({"openai": {"key": "secret"}}, "'openai'"),
        ({"https": "secret"}, "https must be an object"),
        ({"https": {}}, "https: url is missing"),
        ({"https": {"url": "https://a", "header": "secret"}}, "https: 'header' is not known"),
        ({"https": {"url": ["secret"]}}, "https: url has a value of the wrong type"),
        ({"https": {"url": "https://a", "headers": {"x": 1}}}, "https: headers has"),
        ({"https": {"url": "https://a", "headers": ["secret"]}}, "https: headers has"),
        ({"https": {"url": "https://a", "connect_timeout": True}}, "https: connect_timeout has"),
        ({"https": {"url": "https://a", "connect_timeout": "5"}}, "https: connect_timeout has"),
        ({"https": {"url": "https://a", "allow_http": "no"}}, "https: allow_http has"),
        ({"sagemaker": {"endpoint_name": "e", "session": "secret"}}, "sagemaker: 'session' is not known"),
        ({"bedrock": {"model_id": "m"}}, "bedrock: api is missing"),
        ({"bedrock": {"model_id": "m", "api": "secret", "region": "us-east-1"}}, "api must be"),
        ({"vertex": {"endpoint": "1", "project": "p", "location": "l"}}, "vertex: method is missing"),
        ({"vertex": {"endpoint": 1, "project": "p", "location": "l", "method": "predict"}}, "vertex: endpoint has"),
    ],
)
def test_a_description_that_is_none_is_refused_by_name_and_without_a_value(spec, said):
    with pytest.raises(GatewayConfigError, match=said) as refused:
        model_from(spec)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import inference_edge_cache.gateway.models", set()),
        ("import inference_edge_cache.gateway.models.https", set()),
        ("import inference_edge_cache.gateway.models.sagemaker, inference_edge_cache.gateway.models.bedrock", set()),
        ("import inference_edge_cache.gateway.models.vertex", set()),
        ("from inference_edge_cache.gateway.models import model_from; model_from(HTTPS)", {"urllib3"}),
        ("from inference_edge_cache.gateway.models import model_from; model_from(BEDROCK)", {"urllib3", "botocore"}),
        ("from inference_edge_cache.gateway.models import model_from; model_from(VERTEX)", {"urllib3"}),
    ],
)
def test_an_sdk_is_loaded_by_the_model_that_uses_it(code, loaded):
    heavy = ("urllib3", "botocore", "boto3", "google.auth", "requests", "pulumi", "pydantic", "httpx")
    specs = {"HTTPS": KINDS[0][1], "BEDROCK": KINDS[2][1], "VERTEX": KINDS[3][1]}
    named = "\n".join(f"{name} = {spec!r}" for name, spec in specs.items())
    script = f"{named}\n{code}\nimport sys; print([name for name in {heavy!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(json.loads(run.stdout.replace("'", '"'))) == loaded


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        (KINDS[0][1], "urllib3"),
        (KINDS[1][1], "botocore"),
        (KINDS[2][1], "botocore"),
        (KINDS[3][1], "google.auth"),
        (KINDS[3][1], "packaging"),
        (KINDS[3][1], "urllib3"),
    ],
)
def test_what_is_not_installed_is_missed_at_once_and_not_at_the_first_request(monkeypatch, spec, missing):
    class Hidden:
        """Finds nothing where ``missing`` is looked for."""

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name == missing or name.startswith(missing + "."):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in [name for name in sys.modules if name == missing or name.startswith(missing + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden, *sys.meta_path])
    with pytest.raises(ImportError) as error:
        model_from(spec)
    assert error.value.name == missing
