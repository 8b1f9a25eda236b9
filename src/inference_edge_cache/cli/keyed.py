"""Requests from files, as far as the commands that explain keys need them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_edge_cache.cli.bypasses import bypass_in_words
from inference_edge_cache.cli.screen import Screen
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.inference_rules import route_rules
from inference_edge_cache.policy import InferencePolicy
from inference_edge_cache.protocol import Bypass, Headers, Preimage, storable_request


@dataclass(frozen=True)
class Keyed:
    """A request that has a key: its preimage, the keyed body, and the ignored fields that it came with."""

    preimage: Preimage
    document: Any
    ignored: dict[str, Any]


def keyed(file: Path, policy: InferencePolicy, route: str, headers: Headers = ()) -> Keyed | Bypass:
    """The request in ``file``, or why its answer is not kept. Raises ``EdgeCacheError`` when it cannot be read."""
    rules = route_rules(policy)
    try:
        with file.open("rb") as stream:
            body = stream.read(rules.max_body_bytes + 1)
    except OSError as error:
        raise EdgeCacheError(f"{file}: {error.strerror}") from error
    preimage = storable_request(route, rules, headers, body)
    if isinstance(preimage, Bypass):
        return preimage
    sent = json.loads(body)
    ignored = {name: sent[name] for name in rules.ignored_fields if isinstance(sent, dict) and name in sent}
    return Keyed(preimage, json.loads(preimage.body), ignored)


def say_bypass(screen: Screen, bypass: Bypass, file: Path) -> None:
    """Why the request in ``file`` is not kept."""
    screen.lines([f"{file}: bypass, {bypass}"])
    why = bypass_in_words(bypass)
    screen.text(f"{why[:1].upper()}{why[1:]}. The request goes to the model, and its answer is not kept.")
