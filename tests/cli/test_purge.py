"""``purge``: what it asks before, what it says after, and every wrong argument in one error."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_kit import moto_server
from operations_kit import BUCKET, DOCUMENT, Says, aws_account, aws_environment, outputs_of, serving

from inference_edge_cache.protocol import EdgeConfig, RouteConfig, RouteRules, inference_path

ROUTE, GENERATION, SCOPE = "/v1/embeddings", "Generation01", "scope-_abcde"
CONFIG = EdgeConfig(
    routes=(RouteConfig(path=ROUTE, generation=GENERATION, rules=RouteRules(dialect="openai-embeddings")),)
)
PATHS = [inference_path(ROUTE, GENERATION, SCOPE, f"{number:042}A") for number in range(3)]
BOBS = inference_path(ROUTE, GENERATION, "bobs-scope__", f"{0:042}A")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def aws(monkeypatch, moto, tmp_path):
    """A cache with four results, its outputs in a file of the working directory."""
    account = aws_account(monkeypatch, moto)
    for name in (DOCUMENT, *(path[1:] for path in (*PATHS, BOBS))):
        account.put(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs.json").write_text(outputs_of(account))
    return account


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def unfolded(text: str) -> str:
    return " ".join(text.split())


FROM_OUTPUTS = ("purge", "--stack-outputs", "outputs.json")


def test_a_dry_run_says_everything_and_does_nothing(run, aws):
    ran = run(*FROM_OUTPUTS, "--route", ROUTE, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"  cache        CloudFront, {aws.cache_id}",
        f"  bucket       {BUCKET}",
        "  delete       4 objects: every result under /v1/embeddings/~/",
        "  invalidate   /v1/embeddings/*",
        "               CloudFront takes no ~ there; what is not deleted comes back from the bucket",
        "  cost         1 path; 1,000 a month are free in an account, then $0.005 each (list price, 2026-11)",
        "  Nothing was deleted, and nothing invalidated: --dry-run.",
    ]
    assert len(aws.names()) == 5
    assert aws.invalidated() == []


def test_a_purge_says_what_it_did(run, aws):
    ran = run(*FROM_OUTPUTS, "--route", ROUTE, "--generation", GENERATION, "--scope", SCOPE, "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert f"delete 3 objects: every result under {ROUTE}/~/{GENERATION}/{SCOPE}/ " in unfolded(ran.out)
    said = unfolded(ran.out.partition("Purged")[2])
    assert re.fullmatch(r"deleted 3 objects invalidated /v1/embeddings/\* as [A-Z0-9]+, in effect within seconds", said)
    assert aws.names() == [DOCUMENT, BOBS[1:]]
    assert aws.invalidated() == ["/v1/embeddings/*"]


def test_no_key_of_an_object_is_ever_printed(run, aws):
    ran = run(*FROM_OUTPUTS, "--path", PATHS[1], "--yes")
    assert ran.code == 0
    assert f"delete 1 object: one result under {ROUTE}/~/{GENERATION}/{SCOPE}/ " in unfolded(ran.out)
    assert PATHS[1].rpartition("/")[2] not in ran.out + ran.err
    assert len(aws.names()) == 4


def test_the_current_generation_comes_from_the_discovery_document(run, aws):
    old = inference_path(ROUTE, "Generation00", SCOPE, f"{0:042}A")[1:]
    aws.put(old)
    with serving(lambda _: Says(200, CONFIG.to_json())) as url:
        ran = run(*FROM_OUTPUTS, "--route", ROUTE, "--generation", "current", "--config-url", f"{url}/x.json", "--yes")
    assert (ran.code, aws.names()) == (0, [DOCUMENT, old])


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (Says(404), "is not the discovery document of an edge cache: it answers 404"),
        (Says(200, b"<html>"), "is not a discovery document: the document is not usable JSON: not-json"),
        (Says(200, b" " * 300_000), "is not a discovery document: the document is not usable JSON: too-large"),
    ],
)
def test_a_discovery_document_that_is_none(run, aws, says, message):
    with serving(lambda _: says) as url:
        ran = run(*FROM_OUTPUTS, "--route", ROUTE, "--scope", SCOPE, "--config-url", f"{url}/x.json", "--yes")
    assert (ran.code, len(aws.names())) == (2, 5)
    assert message in ran.err


def test_a_discovery_document_that_is_out_of_reach(run, aws):
    ran = run(*FROM_OUTPUTS, "--route", ROUTE, "--scope", SCOPE, "--config-url", "http://127.0.0.1:1/x.json", "--yes")
    assert (ran.code, ran.err) == (2, "error: http://127.0.0.1:1/x.json cannot be read: ConnectError\n")


# Asking --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("typed", "code", "left"), [("y\n", 0, 1), ("n\n", 1, 5), ("\n", 1, 5), ("", 130, 5)])
def test_at_a_terminal_it_asks(run, aws, monkeypatch, typed, code, left):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    ran = run(*FROM_OUTPUTS, "--all")
    assert "Purge? [y/N]" in ran.err
    assert (ran.code, len(aws.names()), len(aws.invalidated())) == (code, left, int(left == 1))


def test_without_a_terminal_somebody_has_to_say_yes(run, aws):
    ran = run(*FROM_OUTPUTS, "--all")
    assert (ran.code, ran.out, len(aws.names())) == (2, "", 5)
    assert "--yes\n      is missing, and there is no terminal to ask at\n      fix: say --yes, or look with" in ran.err


def test_the_outputs_come_from_standard_input(run, aws, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(outputs_of(aws)))
    assert run("purge", "--stack-outputs", "-", "--all", "--yes").code == 0
    assert aws.names() == [DOCUMENT]


def test_the_document_may_be_at_an_address_over_http(run, aws, monkeypatch):
    """That is what config_url is on GCP without custom_domain; not even a purge that does not read it would start."""
    outputs = outputs_of(aws, config_url="http://192.0.2.1/.well-known/inference-edge-cache.json")
    monkeypatch.setattr(sys, "stdin", io.StringIO(outputs))
    ran = run("purge", "--stack-outputs", "-", "--all", "--yes")
    assert (ran.code, ran.err, aws.names()) == (0, "", [DOCUMENT])


def test_in_a_bucket_that_was_named_by_mistake_nothing_is_deleted(run, aws):
    aws.put("home/~/notes.txt")
    assert run(*FROM_OUTPUTS, "--all", "--yes").code == 0
    assert aws.names() == [DOCUMENT, "home/~/notes.txt"]


def test_without_stack_outputs(run, aws):
    ran = run("purge", "--cache-id", aws.cache_id, "--results-bucket", BUCKET, "--all", "--yes")
    assert (ran.code, aws.names()) == (0, [DOCUMENT])


def test_what_is_typed_goes_before_the_outputs(run, aws):
    ran = run(*FROM_OUTPUTS, "--results-bucket", "another-bucket", "--all", "--dry-run")
    assert ran.code == 2
    assert "error: the bucket another-bucket cannot be listed: S3: NoSuchBucket. Nothing was deleted" in ran.err


# What goes wrong -----------------------------------------------------------------------------------------------------
def test_every_wrong_argument_is_in_one_error(run):
    ran = run("purge", "--route", "/v1/~", "--all", "--scope", "bob", "--cache-id", "d1.cloudfront.net", "--name", "x")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: the purge has 7 problems:\n")
    for option in ("--cache-id = ", "--results-bucket\n", "--name = ", "purge\n", "--route = ", "--scope\n", "--yes\n"):
        assert f"  {option}" in ran.err


def test_a_scope_needs_to_know_the_current_generation(run, aws):
    ran = run(*FROM_OUTPUTS, "--route", ROUTE, "--scope", SCOPE, "--yes")
    assert ran.code == 2
    assert "--generation\n      only the cache's discovery document names the current one" in ran.err


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("nowhere.json", "error: nowhere.json: No such file or directory"),
        ("binary.json", "error: binary.json: not UTF-8 text"),
        ("empty.json", "--stack-outputs\n      is not the JSON object that pulumi prints"),
    ],
)
def test_stack_outputs_that_cannot_be_read(run, monkeypatch, tmp_path, file, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff")
    (tmp_path / "empty.json").write_text("")
    ran = run("purge", "--stack-outputs", file, "--all", "--yes")
    assert ran.code == 2
    assert message in ran.err


def test_an_edge_that_refuses(run, aws):
    """The bucket is emptied, the edge is not: the next run does what is left."""
    ran = run(*FROM_OUTPUTS, "--cache-id", "ENOTOURS", "--all", "--yes")
    assert ran.code == 1
    said = unfolded(ran.out.partition("Not all is purged")[2])
    assert said == (
        "deleted 4 objects invalidated nothing: the edge may still answer with what was deleted "
        "It stopped at an error of CloudFront: NoSuchDistribution. Is --cache-id the one of this account? "
        "Run the same command again when that is mended: it is safe, and goes on where this ended."
    )
    assert run(*FROM_OUTPUTS, "--all", "--yes").code == 0
    assert aws.invalidated() == ["/*"]


def test_objects_that_are_refused(run, monkeypatch, tmp_path):
    listed = "".join(f"<Contents><Key>{path[1:]}</Key></Contents>" for path in PATHS)
    refused = f"<Error><Key>{PATHS[0][1:]}</Key><Code>AccessDenied</Code></Error>"

    def answer(seen):
        if seen.method == "POST":
            return Says(200, f"<DeleteResult>{refused}</DeleteResult>".encode())
        return Says(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode())

    with serving(answer) as url:
        aws_environment(monkeypatch, url)
        ran = run("purge", "--cache-id", "EDFDVBD632BHDS5", "--results-bucket", BUCKET, "--route", ROUTE, "--yes")
    assert ran.code == 1
    assert "deleted      2 objects; 1 object not: AccessDenied\n" in ran.out
    assert PATHS[0] not in ran.out


def test_a_bucket_that_cannot_be_listed(run, monkeypatch):
    with serving(lambda _: Says(403, b"<Error><Code>AccessDenied</Code></Error>")) as url:
        aws_environment(monkeypatch, url)
        ran = run("purge", "--cache-id", "EDFDVBD632BHDS5", "--results-bucket", BUCKET, "--route", ROUTE, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "S3: AccessDenied. The credentials need s3:ListBucket, s3:DeleteObject" in ran.err


def test_media_cdn_in_a_dry_run(run, monkeypatch):
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), None))
    service = "projects/p/locations/global/edgeCacheServices/embed"
    with serving(lambda _: Says(200, b'{"items": []}', {"content-type": "application/json"})) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        ran = run("purge", "--cache-id", service, "--results-bucket", BUCKET, "--path", PATHS[0], "--dry-run")
    assert ran.code == 0
    assert f"cache        Media CDN, {service}\n" in ran.out
    assert "delete       0 objects: one result under" in ran.out
    assert "invalidate   the path of that result\n" in ran.out
    assert "no public price" in ran.out


def test_a_bar_moves_at_a_terminal(run, aws, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("inference_edge_cache.cli.screen.Console.is_terminal", True)
    ran = run(*FROM_OUTPUTS, "--all", "--yes")
    assert "deleting" in ran.out


def test_the_page_shows_what_a_dry_run_says(run, aws):
    for number in range(3, 39):
        aws.put(inference_path(ROUTE, GENERATION, SCOPE, f"{number:042}A")[1:])
    page = (Path(__file__).parents[2] / "docs" / "purge-warm.md").read_text()
    found = re.search(r"^\$ inference-edge-cache (purge .*)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    assert run(*found[1].split()).out == found[2].replace("E2QWRUHAPOMQZL", aws.cache_id)


def test_a_scope_may_begin_like_an_option(run, aws):
    bobs = inference_path(ROUTE, GENERATION, "-cope-_abcde", f"{0:042}A")[1:]
    aws.put(bobs)
    args = ("--route", ROUTE, "--generation", GENERATION, "--scope", "-cope-_abcde", "--yes")
    assert run(*FROM_OUTPUTS, *args).code == 0
    assert len(aws.names()) == 5
    assert bobs not in aws.names()
