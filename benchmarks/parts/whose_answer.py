"""How often a cache hands out an answer that is not the request's own, misses in vain, or keeps what it should not.

The model says what it has read, and numbers its answers. So an answer shows whether it was given before, and whether
the model would have said the same.
"""

import json
import textwrap
from collections.abc import Mapping, Sequence

from parts.asking import EMBEDDINGS, authorized
from parts.callers import Caller
from parts.litellm_environment import LiteLLM
from parts.measuring import table
from parts.pairs import Ask, Kind, Pair, beyond_vectors, from_vectors
from parts.servers import Server

Marks = Sequence[Sequence[str]]
"""For each request the marks of the model's own answer, and of the one that came through the cache."""

WORDS: Mapping[Kind, str] = {
    "different": "wrong answers",
    "equal": "needless misses",
    "unrepeatable": "stored, but should not be",
}


def compare(gateway: Server, peer: LiteLLM) -> None:
    vectors, of = from_vectors()
    more = beyond_vectors()
    pairs = [*vectors, *more]
    caller = Caller(gateway)
    answers: dict[str, list[Marks | str]] = {
        "this gateway": [_through_gateway(caller, pair) for pair in pairs],
        "LiteLLM": [peer.answered(pair, flagged=False) for pair in pairs],
        "LiteLLM, flag": [peer.answered(pair, flagged=True) for pair in pairs],
    }
    refused, wrong = set[str](), dict[str, set[str]]()
    for cache, each in answers.items():
        judged = [(pair, marks) for pair, marks in zip(pairs, each, strict=True) if not isinstance(marks, str)]
        refused |= {pair.name for pair in pairs} - {pair.name for pair, _ in judged}
        wrong[cache] = {pair.name for pair, marks in judged if failed(pair, marks)}
    counted = [pair for pair in pairs if pair.name not in refused]
    rows = []
    for kind, words in WORDS.items():
        of_kind = [pair for pair in counted if pair.kind == kind]
        rows.append(_row(words, of_kind, wrong))
        for group in sorted({pair.group for pair in of_kind}):
            rows.append(_row(f"  {group}", [pair for pair in of_kind if pair.group == group], wrong))
    table(
        f"5b. How many cases each gets wrong, beside LiteLLM {peer.version}",
        ("", "cases", *answers),
        rows,
        f"{len(vectors)} cases are golden vectors of this project, of {of} of these kinds: left out are those with",
        f"headers, routes or rules of their own, and those that no API takes. {len(more)} need more than a body. That",
        "the gateway passes its own vectors is no news; each is from a report about some cache, or from a standard.",
        f"Not counted, since one of both refuses to send them: {', '.join(sorted(refused)) or 'none'}.",
        "flag: LiteLLM with enable_caching_on_provider_specific_optional_params. It stores whatever it is asked to",
        "(caching=True), and keeps tenants apart when each call names a namespace; neither is what these cases do.",
    )
    for cache, names in wrong.items():
        said = "; ".join(pair.name for pair in counted if pair.name in names) or "none"
        print(
            textwrap.fill(
                f"{cache}: {said}", 118, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
            )
        )


def _row(words: str, pairs: Sequence[Pair], wrong: Mapping[str, set[str]]) -> tuple[str, ...]:
    names = {pair.name for pair in pairs}
    return (words, str(len(names)), *(str(len(names & each)) for each in wrong.values()))


def failed(pair: Pair, marks: Marks) -> bool:
    """Whether the cache did what it should not."""
    numbers = [through.split()[1] for _, through in marks]
    again = [number in numbers[:at] for at, number in enumerate(numbers)]
    if pair.kind == "equal":
        return not all(again[1:])
    if pair.kind == "unrepeatable" or pair.group == "tenants":
        return any(again)
    # Where the model is sent the same for both, the other one's answer is no wrong one.
    return any(hit and own.split()[0] != through.split()[0] for hit, (own, through) in zip(again, marks, strict=True))


def _through_gateway(caller: Caller, pair: Pair) -> Marks:
    """Each pair has tenants of its own, and with them an empty cache."""
    own = [_marks(caller, pair, ask, {"inference-cache": "bypass"}) for ask in pair.asks]
    return [(mine, _marks(caller, pair, ask, {})) for mine, ask in zip(own, pair.asks, strict=True)]


def _marks(caller: Caller, pair: Pair, ask: Ask, controls: dict[str, str]) -> str:
    headers = {**authorized(f"{ask.tenant} of {pair.name}"), **ask.headers, **controls}
    body = caller.ask("POST", ask.route, headers, ask.body.encode()).body
    if body.startswith(b"data:"):
        events = [json.loads(line.removeprefix(b"data: ")) for line in body.splitlines() if line.startswith(b"data: {")]
        return "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    document = json.loads(body)
    if ask.route == EMBEDDINGS:
        return " ".join(str(number) for number in document["data"][0]["embedding"])
    choice = document["choices"][0]
    return " ".join((choice["text"] if "text" in choice else choice["message"]["content"]).split()[:2])
