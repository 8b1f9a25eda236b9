"""Policies as YAML files."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from inference_edge_cache.errors import PolicyFileError
from inference_edge_cache.policy.models import CachePolicy


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
        data = yaml.safe_load(text)
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
        raise PolicyFileError("\n".join([f"{source}:", *(f"  {line}" for line in error_lines(error))])) from error


def error_lines(error: ValidationError) -> list[str]:
    """``error`` as one line a field: where, and what is wrong."""
    return [
        f"{'.'.join(map(str, item['loc'])) or 'policy'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_input=False, include_url=False)
    ]


def dump_policy(policy: CachePolicy) -> str:
    """``policy`` as YAML: ``parse_policy`` of it is an equal policy."""
    return yaml.safe_dump(policy.to_dict(), sort_keys=False)
