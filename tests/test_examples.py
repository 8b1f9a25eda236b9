"""Every example runs, in a child process as Pulumi would run it, and makes what its README says."""

from pathlib import Path

import pytest
import yaml

from inference_edge_cache.testing import Recording, Secret, record, reveal

EXAMPLES = Path(__file__).parent.parent / "examples"
CONFIG = {"modelKey": Secret("hunter2")}
MASTER = {"master": Secret("hunter2, a master secret of 32 bytes")}
# example, configuration beside the defaults of its Pulumi.yaml, cloud
RUNS = [
    ("aws-https-endpoint", CONFIG, "aws"),
    ("gcp-https-endpoint", CONFIG, "gcp"),
    ("aws-artifacts", {}, "aws"),
    ("aws-bedrock-openai-sdk", MASTER, "aws"),
    ("aws-https-model", {**CONFIG, **MASTER}, "aws"),
    ("aws-sagemaker", MASTER, "aws"),
    ("gcp-vertex-ai", MASTER, "gcp"),
    ("one-policy-two-clouds", {}, "aws"),
    ("one-policy-two-clouds", {"cloud": "gcp"}, "gcp"),
]
COMPONENT = "inference-edge-cache:index:InferenceEdgeCache"


def test_every_example_is_run_here():
    assert {run[0] for run in RUNS} == {folder.name for folder in EXAMPLES.iterdir() if folder.is_dir()}


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(("name", "config", "cloud"), RUNS)
def test_an_example_runs(name, config, cloud, preview):
    recording = record(EXAMPLES / name, config=config, preview=preview)
    component = recording.one(COMPONENT)
    types = {resource.type.partition(":")[0] for resource in recording.children(component)}
    assert types == {cloud}
    assert component.outputs is not None
    assert "hunter2" not in "".join(line.message for line in recording.logs)
    if not preview:
        assert str(recording.outputs["url" if "url" in recording.outputs else "labels"]).startswith("http")


@pytest.mark.parametrize("name", sorted({run[0] for run in RUNS}))
def test_an_example_can_be_copied_and_run(name):
    folder = EXAMPLES / name
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    assert project["name"] == name
    assert project["runtime"]["name"] == "python"
    assert (folder / "requirements.txt").read_text().startswith("inference-edge-cache[")
    assert "pulumi up" in (folder / "README.md").read_text()


def test_the_model_key_of_an_example_is_a_secret_wherever_it_goes():
    recording = record(EXAMPLES / "aws-https-endpoint", config=CONFIG)
    holders = [resource for resource in recording.resources if "hunter2" in str(resource.inputs)]
    (distribution,) = holders
    assert distribution.type == "aws:cloudfront/distribution:Distribution"
    assert distribution.input("origins.0.customHeaders.0.value") == Secret("hunter2") or isinstance(
        distribution.inputs["origins"], Secret
    )


def test_artifacts_reach_the_bucket_under_the_path_they_are_asked_for():
    recording: Recording = record(EXAMPLES / "aws-artifacts")
    labels = recording.one("aws:s3/bucketObjectv2:BucketObjectv2")
    assert labels.inputs["key"] == "artifacts/labels.json"
    assert str(recording.outputs["labels"]).endswith("/artifacts/labels.json")
    patterns = recording.one("aws:cloudfront/distribution:Distribution").inputs["orderedCacheBehaviors"]
    assert [behavior["pathPattern"] for behavior in patterns] == ["/artifacts/*"]


@pytest.mark.parametrize(
    ("name", "routes"), [("aws-https-model", 2), ("aws-sagemaker", 1), ("aws-bedrock-openai-sdk", 1)]
)
def test_an_inference_example_deploys_its_gateway_and_keeps_its_secrets(name, routes):
    recording = record(EXAMPLES / name, config={**CONFIG, **MASTER})
    behaviors = recording.one("aws:cloudfront/distribution:Distribution").inputs["orderedCacheBehaviors"]
    assert len(behaviors) == 3 * routes + 1
    assert str(recording.outputs["configUrl"]).endswith("/.well-known/inference-edge-cache.json")
    variables = recording.one("aws:lambda/function:Function").input("environment.variables")
    assert "hunter2" not in str(variables)
    holders = [one.name for one in recording.resources if "hunter2" in str(reveal(one.inputs))]
    assert all(name.endswith("-version") for name in holders)
    assert len(holders) == (2 if name == "aws-https-model" else 1)


def test_the_example_on_gcp_asks_one_model_and_keeps_its_secret():
    recording = record(EXAMPLES / "gcp-vertex-ai", config=MASTER)
    (matcher,) = recording.one("gcp:networkservices/edgeCacheService:EdgeCacheService").inputs["routing"][
        "pathMatchers"
    ]
    assert len(matcher["routeRules"]) == 3 + 2
    assert recording.outputs["configUrl"] == "https://cache.example.com/.well-known/inference-edge-cache.json"
    holders = [one.name for one in recording.resources if "hunter2" in str(reveal(one.inputs))]
    assert holders == ["embed-master-secret-version"]
