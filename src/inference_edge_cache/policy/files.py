"""Policies as YAML files."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from inference_edge_cache.errors import PolicyFileError
from inference_edge_cache.policy.models import CacheKey, CachePolicy


def load_policy(path: str | Path) -> CachePolicy:
    """The policy that the YAML file at ``path`` holds.

    Raises ``PolicyFileError``, naming file and line, when there is no such file, it
    is not YAML, or it does not hold a policy.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise PolicyFileError(f"{path}: {reason}") from error
    return parse_policy(text, source=str(path))


def parse_policy(text: str, source: str = "policy") -> CachePolicy:
    """The policy that the YAML ``text`` holds; ``source`` names it in errors. Raises ``PolicyFileError``."""
    try:
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506, a SafeLoader
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyFileError(f"{source}, line {line}: {error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise PolicyFileError(f"{source}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise PolicyFileError(f"{source}: holds no policy; start with a line such as: default_ttl: 1h")
    try:
        return CachePolicy.from_dict(data)
    except ValidationError as error:
        raise PolicyFileError("\n".join([f"{source}:", *_error_lines(error, tree)])) from error


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: of two TTLs nobody knows which one was meant."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _error_lines(error: ValidationError, tree: Any) -> list[str]:
    """``error`` as one line a field: which line of the file, which field, what is wrong."""
    found = []
    for item in error.errors(include_input=False, include_url=False):
        names = [str(name) for name in item["loc"]]
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            fields = CacheKey.model_fields if names[:-1] == ["key"] else CachePolicy.model_fields
            close = difflib.get_close_matches(names[-1], fields, n=1)
            message = "is not a known field; " + (
                f"did you mean {close[0]}?" if close else f"use one of {', '.join(fields)}"
            )
        found.append((_line_of(tree, names), f"{'.'.join(names) or 'policy'}: {message}"))
    return [f"  line {line}: {text}" for line, text in sorted(found)]


def _line_of(node: Any, names: list[str]) -> int:
    """The line at which the value under ``names`` begins, or the nearest thing around it."""
    line = node.start_mark.line + 1
    for name in names:
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in entries if key.value == name), None)
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def dump_policy(policy: CachePolicy) -> str:
    """``policy`` as YAML: ``parse_policy`` of it is an equal policy."""
    return yaml.safe_dump(policy.to_dict(), sort_keys=False)
