"""The bucket: what is made for it, and that an existing one is left alone."""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError

KEY = "projects/p/locations/us/keyRings/r/cryptoKeys/k"


def test_a_retention_deletes_objects_of_that_age_whatever_their_state(deployed):
    rules = deployed(bucket={"retention_days": 90}).one("Bucket").inputs["lifecycleRules"]
    assert rules[2:] == [{"action": {"type": "Delete"}, "condition": {"age": 90, "withState": "ANY"}}]


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ({"region": "europe-west3"}, "location", "europe-west3"),
        ({"kms_key": KEY}, "encryption", {"defaultKmsKeyName": KEY}),
        ({"force_destroy": True}, "forceDestroy", True),
    ],
)
def test_what_is_asked_for_is_in_the_bucket(deployed, given, name, expected):
    assert deployed(bucket=given).one("Bucket").inputs[name] == expected


def test_the_key_of_the_bucket_may_be_an_output(deployed):
    recording = deployed(bucket=lambda: {"kms_key": pulumi.Output.from_input(KEY)})
    assert recording.one("Bucket").inputs["encryption"] == {"defaultKmsKeyName": KEY}


@pytest.mark.parametrize("as_output", [False, True])
def test_an_existing_bucket_gets_the_grant_and_nothing_else(deployed, as_output):
    def bucket():
        return {"name": pulumi.Output.from_input("weights") if as_output else "weights"}

    recording = deployed(bucket=bucket)
    assert [child.name for child in recording.children("InferenceEdgeCache")] == [
        "embeddings-origin",
        "embeddings-origin-bucket",
        "embeddings-service",
        "embeddings-bucket-reader",
    ]
    assert recording.one("BucketIAMMember").inputs == {
        "bucket": "weights",
        "role": "roles/storage.objectViewer",
        "member": "serviceAccount:service-456789012345@gcp-sa-mediaedgefill.iam.gserviceaccount.com",
    }
    assert recording.one("embeddings-origin-bucket").inputs == {"originAddress": "gs://weights"}
    assert recording.one("InferenceEdgeCache").outputs["bucketName"] == "weights"
    assert "bucketPolicyStatement" not in recording.one("InferenceEdgeCache").outputs


@pytest.mark.parametrize("change", [{"retention_days": 1}, {"kms_key": KEY}, {"force_destroy": True}])
def test_what_would_change_an_existing_bucket_is_refused(deployed, change):
    with pytest.raises(InvalidArgsError) as refused:
        deployed(bucket={"name": "weights", **change})
    assert [problem.path for problem in refused.value.problems] == [f"bucket.{name}" for name in change]


def test_the_grant_comes_after_the_first_origin_and_before_the_service(deployed):
    recording = deployed(bucket={"name": "weights"})
    reader, origin = recording.one("BucketIAMMember"), recording.one("embeddings-origin-bucket")
    assert reader.options.depends_on == (origin.urn,)
    assert reader.urn in recording.one("EdgeCacheService").options.depends_on


def test_without_a_bucket_nothing_is_made_for_one(deployed):
    recording = deployed()
    assert [child.name for child in recording.children("InferenceEdgeCache")] == [
        "embeddings-origin",
        "embeddings-service",
    ]
    assert "bucketName" not in recording.one("InferenceEdgeCache").outputs


def test_further_routes_lead_to_the_bucket(rules):
    found = rules(bucket={}, routes=[{"path": "/tokenizer.json", "to": "bucket", "policy": {"default_ttl": "1d"}}])
    origins = {rule["matchRules"][0].get("fullPathMatch", "prefix"): rule["origin"] for rule in found[:2]}
    assert list(origins) == ["/tokenizer.json", "prefix"]
    assert all("origin-bucket" in origin for origin in origins.values())


@pytest.mark.parametrize("policy", [{"default_ttl": "1d"}, {"mode": "bypass"}])
def test_a_bucket_is_not_told_who_asks_cached_or_not(rules, policy):
    artifacts, *_ = rules(bucket={"policy": policy})
    removed = artifacts["headerAction"]["requestHeaderToRemoves"]
    assert removed == [{"headerName": "authorization"}, {"headerName": "cookie"}]
