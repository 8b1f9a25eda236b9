"""What keying a request costs, as ratios against named baselines of the same run.

``python benchmarks/canonical.py`` takes about half a minute. Two baselines: ``plain`` is what a cache without care
does, ``json.loads``, ``json.dumps`` with sorted keys, SHA-256; ``rfc8785`` has the reference package in place of
``dumps``. Each round measures every case once, one after the other, so that a busy machine is busy for all of them;
what is compared are medians. Absolute times are for orientation only.
"""

import base64
import hashlib
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import rfc8785

from inference_edge_cache.protocol import RouteRules, canonicalize

RULES = RouteRules(dialect="openai-chat")
TYPED = RouteRules(dialect="sagemaker", keep_number_types=True)
ROUNDS = 9
SECONDS_PER_SAMPLE = 0.02

_random = random.Random(1)
_words = ["".join(_random.choices("etaoinshrdlu", k=_random.randint(2, 9))) for _ in range(2_000)]


def prose(characters: int, extra: str = "") -> str:
    """Text as prompts have it: words, and now and then a quote and a line break."""
    words: list[str] = []
    length = 0
    while length < characters:
        words.append(_random.choice(_words) if _random.random() < 0.97 else f'"quoted"\n{extra}')
        length += len(words[-1]) + 1
    return " ".join(words)


def chat(characters: int, messages: int, extra: str = "", **fields: Any) -> bytes:
    turns = [
        {"role": ("user", "assistant")[turn % 2], "content": prose(characters // messages, extra)}
        for turn in range(messages)
    ]
    body = {"model": "m", "messages": turns, "temperature": 0.0, "max_tokens": 256, "seed": 7} | fields
    return json.dumps(body, ensure_ascii=False).encode()


def tools(count: int) -> list[dict[str, Any]]:
    fields = {name: {"type": "string", "description": prose(30)} for name in ("city", "date", "unit", "locale")}
    schema = {"type": "object", "properties": fields, "required": ["city"]}
    return [{"type": "function", "function": {"name": f"f{n}", "parameters": schema}} for n in range(count)]


FAST = {
    "chat, 1 KB": chat(900, 2),
    "chat, 10 KB": chat(10_000, 6),
    "chat, 100 KB": chat(100_000, 30),
    "chat, 5 MB": chat(5_000_000, 200),
    "chat with an image, 5 MB": chat(900, 2, image=base64.b64encode(_random.randbytes(3_700_000)).decode()),
    "chat with tools, 100 KB": chat(900, 2, tools=tools(200)),
    "chat with emoji, 100 KB": chat(100_000, 30, "\u2764\ufe0f \U0001f600 "),
    "code, 100 KB": chat(900, 2, code='if (a[i] == "x") { f(b[j]); }\n' * 3_000),
    "token ids, 100 KB": json.dumps({"input": [_random.randrange(50_000) for _ in range(15_000)]}).encode(),
    "floats, 100 KB": json.dumps({"inputs": [round(_random.uniform(1e-3, 1), 6) for _ in range(10_000)]}).encode(),
}
FALLBACK = {
    "chat and an exponent, 1 KB": chat(900, 2, penalty=1e-9),
    "chat and an exponent, 100 KB": chat(100_000, 30, penalty=1e-9),
    "tools and an astral key, 100 KB": chat(900, 2, tools=tools(200), **{"\U0001f600": 1}),
    "floats and an exponent, 100 KB": json.dumps({"inputs": [_random.gauss(0, 0.01) for _ in range(5_000)]}).encode(),
}


def plain(body: bytes) -> bytes:
    return hashlib.sha256(json.dumps(json.loads(body), sort_keys=True).encode()).digest()


def reference(body: bytes) -> bytes:
    return hashlib.sha256(rfc8785.dumps(json.loads(body))).digest()


def ours(body: bytes, rules: RouteRules = RULES) -> bytes:
    canonical = canonicalize(body, rules)
    assert isinstance(canonical, bytes), canonical
    return hashlib.sha256(canonical).digest()


def typed(body: bytes) -> bytes:
    return ours(body, TYPED)


def repetitions(body: bytes) -> int:
    start = time.perf_counter()
    plain(body)
    return max(1, round(SECONDS_PER_SAMPLE / (time.perf_counter() - start)))


def sample(case: Callable[[bytes], bytes], body: bytes, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        case(body)
    return (time.perf_counter() - start) / times


def compare(bodies: dict[str, bytes], *cases: Callable[[bytes], bytes]) -> dict[str, list[float]]:
    """Median seconds of each case, by body."""
    times = {name: repetitions(body) for name, body in bodies.items()}
    samples = {name: [[] for _ in cases] for name in bodies}
    for _ in range(ROUNDS):
        for name, body in bodies.items():
            for column, case in zip(samples[name], cases, strict=True):
                column.append(sample(case, body, times[name]))
    return {name: [statistics.median(column) for column in columns] for name, columns in samples.items()}


def main() -> None:
    for body in FAST.values():
        assert ours(body) == reference(body)
    print("| fast path | bytes | plain | canonicalize | with number types | rfc8785 |")
    print("|---|---|---|---|---|---|")
    for name, (base, mine, kept, other) in compare(FAST, plain, ours, typed, reference).items():
        ratios = f"{mine / base:.2f}x | {kept / base:.2f}x | {other / base:.2f}x"
        print(f"| {name} | {len(FAST[name]):,} | {base * 1e6:,.0f} us | {ratios} |")
    print()
    for body in FALLBACK.values():
        assert ours(body) == reference(body)
    print("| fallback | bytes | rfc8785 | canonicalize | with number types |")
    print("|---|---|---|---|---|")
    for name, (base, mine, kept) in compare(FALLBACK, reference, ours, typed).items():
        print(f"| {name} | {len(FALLBACK[name]):,} | {base * 1e6:,.0f} us | {mine / base:.2f}x | {kept / base:.2f}x |")


if __name__ == "__main__":
    main()
