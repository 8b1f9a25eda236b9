"""The component hosted for programs in other languages: its schema, and a real plugin process over gRPC."""

import json
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc, resource_pb2, resource_pb2_grpc

from inference_edge_cache import InferenceEdgeCache, __version__

ROOT = Path(__file__).parent.parent
SNAPSHOT = Path(__file__).parent / "schema.json"
TOKEN = "inference-edge-cache:index:InferenceEdgeCache"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET, OUTPUT = "1b47061264138c4ac30d75fd1eb44270", "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def schema() -> dict[str, Any]:
    provider = ComponentProvider([InferenceEdgeCache], "inference-edge-cache", version=__version__)
    text = provider.schema
    return json.loads(text if isinstance(text, str) else json.dumps(text))


def shape(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` without its prose: what programs in other languages depend on."""
    if isinstance(schema, dict):
        return {key: shape(value) for key, value in schema.items() if key not in ("description", "version")}
    return [shape(item) for item in schema] if isinstance(schema, list) else schema


def test_the_schema_is_the_one_that_other_languages_were_promised():
    """Regenerate with ``python tests/test_hosting.py`` when a change is meant, and say it in the CHANGELOG."""
    assert shape(schema()) == json.loads(SNAPSHOT.read_text())


def test_every_defaulted_field_is_optional_in_the_schema():
    types = schema()["types"]
    assert "required" not in types["inference-edge-cache:index:CachePolicy"]
    assert "required" not in types["inference-edge-cache:index:CacheKey"]
    assert types["inference-edge-cache:index:InferencePolicy"]["required"] == ["dialect"]
    assert types["inference-edge-cache:index:SageMakerArgs"]["required"] == ["endpointName"]
    assert types["inference-edge-cache:index:FailoverArgs"]["required"] == ["url"]
    # Which of them is needed depends on the others: the plan says so.
    assert "required" not in types["inference-edge-cache:index:OriginArgs"]
    assert "required" not in types["inference-edge-cache:index:RouteArgs"]
    assert schema()["resources"][TOKEN]["requiredInputs"] == ["cloud", "origin"]


def test_every_input_is_described():
    described = schema()["resources"][TOKEN]["inputProperties"]
    assert all(property["description"] for property in described.values())


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The part of Pulumi's engine that a component talks to."""

    def __init__(self) -> None:
        self.resources: list[Any] = []
        self.lock = threading.Lock()

    def SupportsFeature(self, request: Any, context: Any) -> Any:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id == "secrets")

    def RegisterResource(self, request: Any, context: Any) -> Any:
        with self.lock:
            self.resources.append(request)
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        state.update({"domainName": "d111111abcdef8.cloudfront.net"})
        return resource_pb2.RegisterResourceResponse(
            urn=f"urn:pulumi:dev::test::{request.type}::{request.name}",
            id=f"{request.name}-id" if request.custom else "",
            object=state,
        )

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


class Engine(engine_pb2_grpc.EngineServicer):
    def Log(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


@pytest.fixture
def engine():
    monitor = Monitor()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield address, monitor
    server.stop(None).wait()


@pytest.fixture
def plugin(engine):
    """The plugin as the engine starts it: ``python -m pulumi.run.plugin <package> <engine address>``."""
    command = [sys.executable, "-W", "ignore", "-m", "pulumi.run.plugin", "inference-edge-cache", engine[0]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    process.kill()
    process.wait()


def struct(value: dict[str, Any]) -> struct_pb2.Struct:
    result = struct_pb2.Struct()
    result.update(value)
    return result


def secret(value: Any) -> dict[str, Any]:
    """A secret Output as the SDKs of other languages send it to a component: an output value."""
    return {SIGNATURE: OUTPUT, "value": value, "secret": True}


def construct(plugin: Any, engine: str, inputs: dict[str, Any]) -> Any:
    return plugin.Construct(
        provider_pb2.ConstructRequest(
            project="test",
            stack="dev",
            type=TOKEN,
            name="cache",
            inputs=struct(inputs),
            monitorEndpoint=engine,
            parallel=4,
            accepts_output_values=True,
        )
    )


def test_the_plugin_serves_its_schema(plugin):
    served = json.loads(plugin.GetSchema(provider_pb2.GetSchemaRequest(version=0)).schema)
    assert served["name"] == "inference-edge-cache"
    assert served["version"] == __version__
    assert shape(served) == shape(schema())


def test_a_program_in_another_language_makes_a_cache_and_its_secrets_stay_secret(plugin, engine):
    address, monitor = engine
    inputs = {
        "cloud": "aws",
        "origin": {"url": "https://model.example.com", "headers": {"x-api-key": secret("hunter2")}, "readTimeout": 20},
        "policy": {"defaultTtl": 60, "key": {"queryOnly": ["text"]}, "negativeTtl": {"404": 5}},
        "routes": [{"path": "/v1/*", "policy": {"mode": "bypass"}}],
    }
    state = construct(plugin, address, inputs).state
    by_type = {request.type: request for request in monitor.resources}
    distribution = by_type["aws:cloudfront/distribution:Distribution"]
    assert distribution.parent == f"urn:pulumi:dev::test::{TOKEN}::cache"
    assert by_type["aws:cloudfront/cachePolicy:CachePolicy"].object["defaultTtl"] == 60
    origins = json.dumps(_plain(distribution.object["origins"]))
    assert "hunter2" in origins
    assert SECRET in origins
    assert set(state) >= {"url", "domainName", "cacheId"}
    outside = [json.dumps(_plain(r.object)) for r in monitor.resources if r is not distribution]
    assert not [text for text in outside if "hunter2" in text]


def test_what_is_wrong_reaches_a_program_in_another_language_whole(plugin, engine):
    with pytest.raises(grpc.RpcError) as caught:
        construct(
            plugin, engine[0], {"cloud": "gcp", "origin": {"url": "http://m.example.com"}, "geo": {"allow": ["DE"]}}
        )
    assert 'InferenceEdgeCache "cache" has 2 problems' in caught.value.details()
    assert "origin.url" in caught.value.details()
    assert "geo" in caught.value.details()
    assert {request.type for request in engine[1].resources} <= {TOKEN}


def _plain(value: Any) -> Any:
    from google.protobuf import json_format

    if isinstance(value, struct_pb2.Struct | struct_pb2.ListValue | struct_pb2.Value):
        return json_format.MessageToDict(value)
    return value


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(shape(schema()), indent=2, sort_keys=True) + "\n")
