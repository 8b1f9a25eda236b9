import pulumi
import pytest

from inference_edge_cache import errors
from inference_edge_cache.costs import LoadError
from inference_edge_cache.errors import (
    EdgeCacheError,
    InvalidArgsError,
    MissingExtraError,
    Problem,
    ProblemsError,
    show,
)
from inference_edge_cache.operations.problems import OperationError


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("policy.default_ttl", 5, "5"),
        ("origin.url", "https://m.example.com", "'https://m.example.com'"),
        ('origin.headers["x-api-key"]', "hunter2", "<hidden>"),
        ("origin.headers", {"x": "hunter2"}, "<hidden>"),
        ("gateway.environment.KEY", "hunter2", "<hidden>"),
        ("gateway.secret", "hunter2", "<hidden>"),
        ("policy.key.headers", "x-variant", "'x-variant'"),
        ("cors.allow_headers[0]", "x y", "'x y'"),
        ("routes[0].methods", ["GET", "PUT"], "['GET', 'PUT']"),
        ("routes[0]", [{"path": "/a"}], "<list>"),
        ("origin", {"url": object()}, "<dict>"),
        ("p", "x" * 100, "'" + "x" * 78 + "…"),
    ],
)
def test_a_value_is_shown_short_and_never_when_it_may_be_a_secret(path, value, text):
    assert show(path, value) == text


@pytest.mark.usefixtures("event_loop_for_outputs")
def test_an_output_is_shown_as_one():
    assert show("origin.url", pulumi.Output.from_input("hunter2")) == "<output>"


def test_the_error_names_the_component_and_counts_its_problems():
    one = Problem.at("a.b", 1, "is too small", "give 2")
    assert str(InvalidArgsError("cache", [one])) == (
        'InferenceEdgeCache "cache" has 1 problem:\n  a.b = 1\n      is too small\n      fix: give 2'
    )
    assert str(InvalidArgsError("cache", [one, one])).startswith('InferenceEdgeCache "cache" has 2 problems:\n')
    assert InvalidArgsError("cache", [one]).problems == (one,)


def test_a_program_error_prints_without_a_traceback_because_it_is_a_run_error():
    assert issubclass(InvalidArgsError, pulumi.RunError)
    assert issubclass(InvalidArgsError, EdgeCacheError)


def test_a_missing_extra_prints_the_pip_line():
    error = MissingExtraError("local", "The local edge")
    assert isinstance(error, ImportError)
    assert str(error) == 'The local edge needs an extra. Install it with: pip install "inference-edge-cache[local]"'


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.endswith("Error")])
def test_the_tree_in_the_docstring_is_the_tree(name):
    assert issubclass(getattr(errors, name), EdgeCacheError)
    assert name in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", [LoadError, OperationError])
def test_what_somebody_gave_is_told_in_one_way(kind):
    one = Problem.at("a.b", 1, "is too small", "give 2")
    error = kind("the purge", [one, one])
    assert isinstance(error, ProblemsError)
    assert isinstance(error, ValueError)
    assert error.problems == (one, one)
    assert str(error).startswith("the purge has 2 problems:\n  a.b = 1\n")
    assert str(kind("the load", [one])).startswith("the load has 1 problem:\n")
    assert kind.__name__ in (errors.__doc__ or "")


def test_an_unknown_error_is_an_attribute_error():
    with pytest.raises(AttributeError):
        _ = errors.NoSuchError
