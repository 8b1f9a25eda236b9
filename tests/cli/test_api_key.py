"""``api-key``: the same key each time, and a master secret that is seen nowhere."""

import io
import sys

import pytest
import typer

from inference_edge_cache.cli import main
from inference_edge_cache.protocol import derive_api_key, verify_api_key

MASTER = "a master secret of more than 32 bytes"
KEY = derive_api_key(MASTER.encode(), "acme").text


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.delenv("INFERENCE_EDGE_CACHE_MASTER", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def test_from_the_environment(run, monkeypatch):
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_MASTER", MASTER + "\n")
    ran = run("api-key", "--tenant", "acme")
    assert (ran.code, ran.out, ran.err) == (0, KEY + "\n", "")
    assert verify_api_key(MASTER.encode(), ran.out.strip()) is not None


def test_from_a_file_whatever_the_environment_says(run, monkeypatch, tmp_path):
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_MASTER", "x" * 40)
    file = tmp_path / "master"
    file.write_text(MASTER + "\r\n")
    assert run("api-key", "--tenant", "acme", "--master-file", file).out == KEY + "\n"


def test_typed_in_unseen(run, monkeypatch):
    asked = {}

    def prompt(text, **options):
        asked.update(options, text=text)
        return MASTER

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "prompt", prompt)
    assert run("api-key", "--tenant", "acme").out == KEY + "\n"
    assert asked == {"text": "Master secret", "hide_input": True, "err": True}


def test_ctrl_c_at_the_prompt(run, monkeypatch):
    def prompt(text, **options):
        raise typer.Abort

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "prompt", prompt)
    ran = run("api-key", "--tenant", "acme")
    assert (ran.code, ran.out) == (130, "")


def test_two_tenants_have_two_keys(run, monkeypatch):
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_MASTER", MASTER)
    assert run("api-key", "--tenant", "acme").out != run("api-key", "--tenant", "Acme").out


WRONG = [
    ((), "error: the master secret is missing: set INFERENCE_EDGE_CACHE_MASTER, or name a file with --master-file"),
    (("--master-file", "nowhere"), "error: nowhere: No such file or directory"),
    (("--master-file", "."), "error: .: Is a directory"),
    (("--master-file", "binary"), "error: binary: not UTF-8 text"),
    (("--master-file", "short"), "error: the master secret has 6 bytes and needs at least 32"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_master_secret_that_cannot_be_used(run, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff" * 40)
    (tmp_path / "short").write_text("s3cr3t")
    ran = run("api-key", "--tenant", "acme", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(message)
    assert "s3cr3t" not in ran.err


@pytest.mark.parametrize(
    ("tenant", "message"), [("", "the tenant has no name"), ("\udcff", "the tenant's name is not valid Unicode")]
)
def test_a_tenant_that_names_nobody(run, monkeypatch, tenant, message):
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_MASTER", MASTER)
    ran = run("api-key", "--tenant", tenant)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_bytes_of_the_environment_that_are_no_text_are_still_a_secret(run, monkeypatch):
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_MASTER", "\udcff" * 40)
    assert run("api-key", "--tenant", "acme").out == derive_api_key(b"\xff" * 40, "acme").text + "\n"


def test_the_master_secret_is_not_an_argument(capsys):
    with pytest.raises(SystemExit) as left:
        main(["api-key", "--tenant", "acme", "--master", MASTER])
    assert left.value.code == 2
    assert MASTER not in "".join(capsys.readouterr())
