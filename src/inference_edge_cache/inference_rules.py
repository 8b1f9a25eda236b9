"""From an inference policy to the protocol's rules: the one place that knows both. Loads no Pulumi."""

from typing import cast

from inference_edge_cache.policy import Determinism, InferencePolicy
from inference_edge_cache.protocol import RouteRules
from inference_edge_cache.protocol import dialects as protocol


def route_rules(policy: InferencePolicy) -> RouteRules:
    """How requests are keyed under ``policy``. Raises ``RulesError`` when it keys on a credential."""
    dialect = protocol.DIALECTS[policy.dialect]
    return RouteRules(
        dialect=str(policy.dialect),
        ignored_fields=tuple(policy.ignored_fields),
        key_headers=tuple(policy.key_headers),
        output_affecting_headers=dialect.output_affecting_headers,
        keep_number_types=dialect.keep_number_types,
        require_object=dialect.require_object,
        max_body_bytes=policy.max_body_bytes,
    )


def determinism_of(policy: InferencePolicy) -> protocol.Determinism:
    """The rule by which a request counts as repeatable, as the protocol writes it."""
    return cast("protocol.Determinism", Determinism(policy.determinism).value)


def generation_rule(policy: InferencePolicy) -> str:
    """Which requests were storable: the ``determinism`` of ``effective_generation``.

    Answers that were kept under a laxer rule are then out of reach under a stricter one.
    """
    return determinism_of(policy) + ("+remote-urls" if policy.remote_urls else "")
