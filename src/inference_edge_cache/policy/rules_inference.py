"""What the two policies of an inference route may not say together: pure functions from both to their problems.

Here the gateway is the origin: it says of each answer whether it may be kept, and for how long, and the path alone is
the key. A field that would overrule it, or that it never reads, is refused. Every rule takes the cache policy, the
inference policy and the path of the route (``routes[0]``, or nothing for the only one), and returns a list.
"""

from collections.abc import Callable

from inference_edge_cache.errors import Problem
from inference_edge_cache.policy.durations import format_seconds, parse_seconds
from inference_edge_cache.policy.inference import InferencePolicy
from inference_edge_cache.policy.models import CacheMode, CachePolicy

InferenceRule = Callable[[CachePolicy, InferencePolicy, str], list[Problem]]

UNKEYABLE = (
    (
        frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"})
        | {"x-amz-security-token"},
        "is a credential: it would travel readable in payloads, and a new one would empty the cache",
        "remove it: callers are told apart by their API key's scope",
    ),
    (
        frozenset({"inference-payload", "inference-cache", "inference-cache-ttl"}),
        "is one of the protocol's own headers, which the model never sees",
        "remove it",
    ),
    (
        frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"})
        | {"accept-encoding", "content-encoding", "content-length", "expect", "host"},
        "is about one message or connection, and the model is sent another one than the caller's",
        "remove it: the gateway writes its own",
    ),
)
"""Headers that no key may hold, why not, and what to do. The protocol refuses the same ones."""


def inference_problems(policy: CachePolicy, inference: InferencePolicy, path: str) -> list[Problem]:
    """Every problem of ``policy`` and ``inference`` together, at ``path`` of the route that has both.

    What is wrong with ``policy`` in itself is left to ``policy_problems``.
    """
    at = f"{path}." if path else ""
    return [problem for rule in INFERENCE_RULES for problem in rule(policy, inference, at)]


def keyable_headers(policy: CachePolicy, inference: InferencePolicy, at: str) -> list[Problem]:
    """No credential, no header of the protocol and none of a single message is in a key."""
    return [
        Problem.at(f"{at}inference.key_headers", header, limit, remedy)
        for header in inference.key_headers
        for names, limit, remedy in UNKEYABLE
        if header.lower() in names
    ]


def the_gateway_decides_what(policy: CachePolicy, inference: InferencePolicy, at: str) -> list[Problem]:
    """The mode lets the gateway say of each answer whether it is kept."""
    said = {
        CacheMode.BYPASS: (
            "caches nothing, so that the inference policy would mean nothing",
            "remove inference, or choose mode honor_origin",
        ),
        CacheMode.FORCE: (
            _AGAINST_NO_STORE,
            "choose mode honor_origin: the gateway says default_ttl with what it keeps",
        ),
        CacheMode.HONOR_ORIGIN: (),
    }[CacheMode(policy.mode)]
    return [Problem.at(f"{at}policy.mode", str(policy.mode), *said)] if said else []


def nothing_against_no_store(policy: CachePolicy, inference: InferencePolicy, at: str) -> list[Problem]:
    """Neither an answer that may not be kept nor an error is kept all the same."""
    problems = []
    least = parse_seconds(policy.min_ttl)
    if least and policy.mode == CacheMode.HONOR_ORIGIN:
        remedy = "remove min_ttl: default_ttl says how long the others are kept"
        problems.append(Problem.at(f"{at}policy.min_ttl", least, _AGAINST_NO_STORE, remedy))
    if policy.mode == CacheMode.BYPASS:
        return problems
    return problems + [
        Problem.at(
            f'{at}policy.negative_ttl["{status}"]',
            parse_seconds(seconds),
            "would keep an error of the gateway, which tells one caller what to do next",
            "remove it: with stale_if_error an earlier answer stands in",
        )
        for status, seconds in policy.negative_ttl.items()
        if parse_seconds(seconds)
    ]


def the_path_is_the_key(policy: CachePolicy, inference: InferencePolicy, at: str) -> list[Problem]:
    """The path holds the hash of the whole request, and the edge looks at nothing else."""
    if policy.mode == CacheMode.BYPASS:
        return []
    key = policy.key
    query = "a request with a query string is a bypass", 'say query="none", and send what counts in the body'
    edge = "the edge looks at the path alone"
    said = (
        ("query_only", key.query_only, *query),
        ("query_except", key.query_except, *query),
        ("headers", key.headers, edge, "name them in inference.key_headers"),
        ("cookies", key.cookies, edge, "remove it: callers are told apart by their API key's scope"),
    )
    return [
        Problem.at(f"{at}policy.key.{field}", names, limit, remedy) for field, names, limit, remedy in said if names
    ]


def ages_within_the_oldest(policy: CachePolicy, inference: InferencePolicy, at: str) -> list[Problem]:
    """No answer is older than ``result_max_age``, at the edge, with a caller, or stale: so no duration says more."""
    oldest = parse_seconds(policy.max_ttl if inference.result_max_age is None else inference.result_max_age)
    usual = parse_seconds(policy.default_ttl)
    if policy.mode != CacheMode.HONOR_ORIGIN or (inference.result_max_age is None and (oldest < usual or not oldest)):
        return []  # policy_problems has said so
    if not oldest:
        return [
            Problem.at(
                f"{at}inference.result_max_age",
                0,
                "lets no answer be kept, so that the inference policy would mean nothing",
                "say how old an answer may become, or remove inference",
            )
        ]
    if oldest < usual:
        return [
            Problem.at(
                f"{at}inference.result_max_age",
                oldest,
                f"must be at least default_ttl, which is {usual} ({format_seconds(usual)})",
                f"raise it, or lower policy.default_ttl to at most {oldest}",
            )
        ]
    ages = (
        ("browser_ttl", policy.browser_ttl, 0),
        ("stale_while_revalidate", policy.stale_while_revalidate, usual),
        ("stale_if_error", policy.stale_if_error, usual),
    )
    return [
        Problem.at(
            f"{at}policy.{field}",
            parse_seconds(said),
            f"an answer becomes at most {oldest} ({format_seconds(oldest)}) old"
            + (f", and default_ttl takes {before} of it" if before else ""),
            (f"lower it to at most {oldest - before}" if oldest > before else "remove it")
            + f", or raise inference.result_max_age to at least {before + parse_seconds(said)}",
        )
        for field, said, before in ages
        if said is not None and before + parse_seconds(said) > oldest
    ]


_AGAINST_NO_STORE = "would keep what the gateway marks no-store: answers that were sampled, or cut short"

INFERENCE_RULES: tuple[InferenceRule, ...] = (
    keyable_headers,
    the_gateway_decides_what,
    nothing_against_no_store,
    the_path_is_the_key,
    ages_within_the_oldest,
)
