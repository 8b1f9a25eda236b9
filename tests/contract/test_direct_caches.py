"""A program without inference routes makes what it made before there were any: names, types, inputs, dependencies."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.testing import Recording, Secret, record

SNAPSHOT = Path(__file__).parent / "direct_caches.json"
ORIGIN = {"url": "https://model.example.com:8443/base", "headers": {"x-api-key": "hush"}}
BACKUP = {"url": "https://backup.example.com/base", "conditions": ["forbidden"]}
PLAIN = {"url": "https://model.example.com", "headers": {"x-api-key": "hush"}}
ROUTES = [
    {"path": "/v1/embeddings", "policy": {"mode": "bypass"}},
    {"path": "/v1/*", "policy": {"mode": "force", "default_ttl": "1h"}, "methods": ["GET", "HEAD"]},
]
CACHES: dict[str, dict[str, Any]] = {
    "aws, minimal": {"cloud": "aws", "origin": PLAIN},
    "aws, a bucket": {"cloud": "aws", "origin": PLAIN, "bucket": {"retention_days": 90}},
    "aws, a bucket of its own control": {
        "cloud": "aws",
        "origin": PLAIN,
        "bucket": {"region": "eu-west-1"},
        "aws": {"bucket_access": "oac"},
    },
    "aws, everything": {
        "cloud": "aws",
        "origin": {**ORIGIN, "failover": BACKUP, "read_timeout": 20},
        "policy": {"default_ttl": "10m", "browser_ttl": "1m", "negative_ttl": {"404": "5s"}},
        "routes": ROUTES,
        "bucket": {},
        "forward_headers": ["x-request-id"],
        "custom_domain": {
            "names": ["cache.example.com"],
            "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a",
        },
        "cors": {"allow_origins": ["https://app.example.com"]},
        "geo": {"deny": ["AQ"]},
        "logging": {"destination": "arn:aws:logs:us-east-1:123456789012:log-group:edge"},
        "origin_shield": "eu-west-1",
        "tags": {"team": "search"},
        "aws": {"price_class": "PriceClass_100"},
    },
    "gcp, minimal": {"cloud": "gcp", "origin": PLAIN},
    "gcp, everything": {
        "cloud": "gcp",
        "origin": {**ORIGIN, "failover": BACKUP},
        "policy": {"mode": "force", "default_ttl": "1h"},
        "routes": ROUTES,
        "bucket": {"retention_days": 30},
        "custom_domain": {"names": ["a.example.com"], "certificate": "projects/p/locations/global/certificates/c"},
        "cors": {"allow_origins": ["https://app.example.com"]},
        "logging": {"sample_rate": 0.5},
        "origin_shield": "europe-west3",
        "tags": {"team": "search"},
    },
}


def graph(recording: Recording) -> dict[str, Any]:
    """What was registered, as JSON: by name, with its secrets marked."""
    return {
        resource.name: {
            "type": resource.type,
            "inputs": plain(resource.inputs),
            "outputs": plain(resource.outputs) if not resource.custom else None,
            "depends_on": sorted(urn.rpartition("::")[2] for urn in resource.options.depends_on),
        }
        for resource in recording.resources
    }


def plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return {"<secret>": plain(value.value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def made(name: str) -> dict[str, Any]:
    return graph(record(lambda: InferenceEdgeCache("cache", CACHES[name])))


@pytest.mark.parametrize("name", CACHES)
def test_a_direct_cache_stays_what_it_was(name):
    """``python tests/contract/test_direct_caches.py`` writes the snapshot anew. A difference changes users' stacks."""
    assert made(name) == json.loads(SNAPSHOT.read_text())[name]


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps({name: made(name) for name in CACHES}, indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{SNAPSHOT} written\n")
