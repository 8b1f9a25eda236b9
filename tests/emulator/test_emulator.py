"""The emulator as a process, and what is checked before it is asked."""

import socket
import subprocess
import sys

import aws_emulator
import pytest
from aws_emulator.archives import archive_bytes
from aws_emulator.process import InvalidCall, emulator
from aws_rules.graph import matches


def test_it_is_stopped_however_its_block_ends(tmp_path):
    ports = list[int]()

    def fails():
        with emulator(tmp_path) as running:
            ports.append(running.port)
            socket.create_connection(("127.0.0.1", running.port)).close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", *ports))


def test_it_takes_only_what_is_asked_with_a_key(aws):
    """IAM is enforced: what the tests find forbidden is forbidden, not unknown."""
    with pytest.raises(OSError, match="403"):
        aws.opener.open(f"{aws.url}/2020-05-31/distribution", timeout=60)


@pytest.mark.parametrize(
    "line",
    [
        "socket.create_connection(('192.0.2.1', 80), timeout=60)",
        "socket.create_connection(('aws.amazon.com', 443), timeout=60)",
        "socket.create_connection(('2001:db8::1', 80), timeout=60)",
        "socket.socket().connect(('192.0.2.1', 80))",
        "socket.getaddrinfo('pypi.org', 443)",
    ],
)
def test_it_reaches_nothing_beyond_this_machine(line):
    program = (
        f"import socket\ntry:\n    {line}\nexcept (ConnectionRefusedError, socket.gaierror) as error:\n    print(error)"
    )
    place = f"{aws_emulator.__path__[0]}/loopback_only"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": place}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith(("is not this machine", "is not on this machine"))


@pytest.mark.parametrize(
    ("service", "operation", "params", "problem"),
    [
        ("s3", "CreateBucket", {"Bucket": 1}, "Invalid type for parameter Bucket"),
        ("s3", "CreateBucket", {}, 'Missing required parameter in input: "Bucket"'),
        ("s3", "CreateBucket", {"Bucket": "b", "Colour": "red"}, 'Unknown parameter in input: "Colour"'),
        (
            "lambda",
            "CreateFunctionUrlConfig",
            {"FunctionName": "f", "AuthType": "IAM"},
            "AuthType is 'IAM', not one of NONE, AWS_IAM",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "MemorySize": 64},
            "MemorySize, value: 64, valid min value: 128",
        ),
        ("iam", "CreateRole", {"RoleName": "r" * 65, "AssumeRolePolicyDocument": "{}"}, "more than 64"),
        ("logs", "CreateLogGroup", {"logGroupName": "a b"}, "does not match"),
    ],
)
def test_a_call_is_checked_against_the_model_of_its_api(aws, service, operation, params, problem):
    with pytest.raises(InvalidCall, match=f"{operation}: .*{problem}"):
        aws.call(service, operation, **params)
    assert operation not in aws.writes


def test_an_archive_has_the_same_bytes_for_the_same_files(tmp_path):
    (tmp_path / "b.py").write_text("b")
    assets = {"b.py": {"path": str(tmp_path / "b.py")}, "a.py": {"text": "a"}}
    packed = archive_bytes({"assets": assets})
    assert packed == archive_bytes({"assets": dict(reversed(assets.items()))})
    assert packed != archive_bytes({"assets": {**assets, "a.py": {"text": "A"}}})
    (tmp_path / "done.zip").write_bytes(packed)
    assert archive_bytes({"path": str(tmp_path / "done.zip")}) == packed


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [
        ("/v1/*", "/v1/a/b", True),
        ("/v1/*", "/v1/", True),
        ("/v1/*", "/v1", False),
        ("*.js", "/a.js", True),
        ("*.js", "/a.jsx", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/[ab]", "/a", False),
        ("*", "", True),
        ("a*b*c", "a-b-b-c", True),
    ],
)
def test_a_pattern_is_read_as_iam_and_cloudfront_read_it(pattern, text, does):
    assert matches(pattern, text) is does
