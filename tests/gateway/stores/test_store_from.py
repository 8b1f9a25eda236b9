"""The text that names a store."""

import subprocess
import sys
import textwrap

import pytest

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.store import Result
from inference_edge_cache.gateway.stores import store_from
from inference_edge_cache.gateway.stores.folder import FolderStore
from inference_edge_cache.gateway.stores.gcs import GcsStore
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.gateway.stores.s3 import S3Store


@pytest.mark.parametrize(
    ("spec", "store"),
    [
        ("s3://results-of-ours", S3Store),
        ("s3://results.example.com/", S3Store),
        ("gs://results_of-ours", GcsStore),
        ("gs://results.example.com/", GcsStore),
        ("memory:", MemoryStore),
        ("file:/no/such/folder", FolderStore),
        ("file:///no/such/folder", FolderStore),
        ("file://localhost/no/such/folder", FolderStore),
    ],
)
def test_a_store_is_named_by_its_kind_and_its_place(spec, store):
    assert type(store_from(spec)) is store


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "s3",
        "s3:results",
        "s3://",
        "s3://r",
        "s3://results/under/this",
        "s3://Results",
        "s3://results?x=1",
        "gs:results",
        "gs://../results",
        "memory",
        "memory:64",
        "file:",
        "file:results",
        "file://elsewhere/results",
        "file:/results?x=1",
        "file:/results#1",
        "file:/results%00",
        "file://[/results",
        "/results",
        "redis://results",
    ],
)
def test_what_names_none_is_refused(spec):
    with pytest.raises(GatewayConfigError, match="store must be s3://bucket"):
        store_from(spec)


def test_a_bucket_is_the_one_that_was_named(aws, scripted, path):
    aws(scripted.url)
    scripted.answer(403)
    with pytest.raises(Exception, match="S3: 403"):
        store_from("s3://results-of-ours/").get(path)
    assert scripted.seen[0].target == f"/results-of-ours{path}"


def test_a_folder_may_be_given_as_its_uri(tmp_path, path):
    folder = tmp_path / "my results, 100 %"
    store_from(folder.as_uri()).put(path, Result(b"{}", "application/json", 0), "no-store")
    assert (folder / path[1:]).is_file()


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True, text=True
    ).stdout.strip()


SDKS = {"boto3", "botocore", "google", "urllib3", "requests", "filelock", "cachetools", "pulumi", "pydantic"}


def test_a_store_of_a_cloud_is_named_without_loading_the_clouds_sdk():
    loaded = run(
        f"""
        import sys
        from inference_edge_cache.gateway.stores import store_from
        import inference_edge_cache.gateway.stores.memory
        store_from("s3://results"), store_from("gs://results"), store_from("file:/no/such/folder")
        loaded = {{name for name in sys.modules if name.partition(".")[0] in {SDKS!r}}}
        print(sorted(loaded - {{"google", "google.cloud"}}))  # which are folders, and empty
        """
    )
    assert loaded == "[]"


@pytest.mark.parametrize(
    ("spec", "module", "said"),
    [
        ("s3://results", "boto3", "a store in S3 needs boto3, which is not installed"),
        ("gs://results", "google", "a store in Cloud Storage needs google.cloud.storage, which is not installed"),
    ],
)
def test_a_cloud_whose_sdk_is_missing_is_said_at_once(spec, module, said):
    printed = run(
        f"""
        import sys

        class Missing:
            def find_spec(name, path, target=None):
                if name.partition(".")[0] == {module!r}:
                    raise ModuleNotFoundError(f"No module named {{name}}", name=name)

        sys.meta_path.insert(0, Missing)
        from inference_edge_cache.gateway.stores import store_from
        try:
            store_from({spec!r})
        except ImportError as error:
            print(error)
        """
    )
    assert printed == said
