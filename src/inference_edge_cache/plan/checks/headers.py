"""Headers: names and values that can be sent, and those that a cloud does not send."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference_edge_cache import capabilities as caps
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.uses import Use, problems_of_uses
from inference_edge_cache.policy.models import HTTP_NAME


def header_names(names: Sequence[str], path: str) -> list[Problem]:
    """Texts that can be header names, once each."""
    problems = [
        Problem.at(f"{path}[{index}]", name, "cannot be the name of a header", "use letters, digits and hyphens")
        for index, name in enumerate(names)
        if not HTTP_NAME.fullmatch(name)
    ]
    lowered = [name.lower() for name in names]
    problems += [
        Problem.at(f"{path}[{index}]", name, "is named twice", "keep one of them")
        for index, name in enumerate(lowered)
        if name in lowered[:index]
    ]
    return problems


def origin_headers(headers: Mapping[str, Any], path: str, cloud: Cloud) -> list[Problem]:
    """Headers that the cache adds: names that may be sent, values that fit. Values are never shown."""
    problems = []
    for name, value in headers.items():
        where = f'{path}["{name}"]'
        lowered = name.lower()
        if not HTTP_NAME.fullmatch(name):
            problems.append(
                Problem.at(where, value, "cannot be the name of a header", "use letters, digits and hyphens")
            )
        elif cloud is Cloud.AWS and (
            lowered in caps.AWS_FORBIDDEN_ORIGIN_HEADERS
            or lowered.startswith(caps.AWS_FORBIDDEN_ORIGIN_HEADER_PREFIXES)
        ):
            problems.append(
                Problem.at(
                    where,
                    value,
                    "CloudFront cannot add this header to requests",
                    "use another name",
                    kind="unsupported",
                )
            )
        elif lowered == "host":
            problems.append(Problem.at(where, value, "is not set this way", "use origin.host_header"))
        problems += problems_of_uses([Use("origin.header_name_length", where, "", len(name))], cloud)
        if isinstance(value, str):
            problems += header_value(value, where, cloud)
    characters = sum(len(name) + len(value) for name, value in headers.items() if isinstance(value, str))
    problems += problems_of_uses([Use("origin.headers_in_all", path, "", characters)], cloud)
    lowered_names = [name.lower() for name in headers]
    problems += [
        Problem.at(f'{path}["{name}"]', "", "is named twice: header names do not tell cases apart", "keep one of them")
        for index, name in enumerate(headers)
        if name.lower() in lowered_names[:index]
    ]
    return problems


def one_line(value: str, path: str) -> list[Problem]:
    """A header value that can be sent: one line of visible ASCII. The value is never shown."""
    if re.fullmatch(r"[\x20-\x7e\t]+", value) and value == value.strip():
        return []
    return [Problem.at(path, value, "is not one line of visible characters", "remove line breaks and outer spaces")]


def header_value(value: str, path: str, cloud: Cloud) -> list[Problem]:
    """A header value that the cloud can send: one line, short enough. The value is never shown."""
    return one_line(value, path) or problems_of_uses([Use("origin.header_length", path, value, len(value))], cloud)
