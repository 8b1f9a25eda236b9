"""What a gateway is made of on either cloud: its files, its model, and what the CDN proves itself with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from inference_edge_cache.plan.model import GatewayPlan, HttpsModelPlan
from inference_edge_cache.protocol.keys import origin_proof

ANSWER_MARGIN = 2
"""Seconds between the time for an answer and the time that the function has: a cold start, and the way back."""

DISCOVERY_MAX_AGE = 60
"""Seconds. Clients reload the document as often, so a new generation reaches them within two minutes."""


def source(installed: Mapping[str, Path], written: Mapping[str, bytes]) -> pulumi.AssetArchive:
    """The gateway as it is ``installed`` here, and what is ``written`` beside it: the same bytes until one of the two
    changes."""
    files: dict[str, pulumi.Asset | pulumi.Archive] = {
        name: pulumi.FileAsset(str(path)) for name, path in installed.items()
    }
    files |= {name: pulumi.StringAsset(content.decode("utf-8")) for name, content in written.items()}
    return pulumi.AssetArchive(dict(sorted(files.items())))


def seconds_to_answer(gateway: GatewayPlan) -> str:
    """For the variable ``assembly.TIMEOUT``."""
    return str(gateway.timeout - ANSWER_MARGIN)


def https_spec(model: HttpsModelPlan) -> dict[str, Any]:
    """An https model in the words of ``gateway.models.model_from``, without its headers."""
    spec: dict[str, Any] = {"url": model.url, "connect_timeout": model.connect_timeout}
    return {"https": {**spec, **({"allow_http": True} if model.allow_http else {})}}


def model_with_headers(gateway: GatewayPlan) -> HttpsModelPlan | None:
    """The model, if the gateway adds headers for it, which are kept as a secret."""
    return gateway.model if isinstance(gateway.model, HttpsModelPlan) and gateway.model.headers else None


def headers_secret(model: HttpsModelPlan) -> pulumi.Output[str]:
    """The headers as ``assembly.MODEL_HEADERS`` reads them."""
    return pulumi.Output.secret(pulumi.Output.json_dumps(dict(model.headers), sort_keys=True))


def proof(gateway: GatewayPlan) -> pulumi.Output[str] | None:
    """What the CDN proves itself with, see ``assembly.PROOF_BY_MASTER``; None with public access."""
    if gateway.master_secret is None:
        return None
    master = pulumi.Output.secret(gateway.master_secret)
    return master.apply(lambda text: origin_proof(text.encode("utf-8", "surrogateescape")))
