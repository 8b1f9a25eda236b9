"""The demo's callers: the OpenAI SDK as it is and with our transport, and what they notice of the answers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from inference_edge_cache.client import EXTENSION, EdgeCacheTransport
from inference_edge_cache.client.served import served_by_post
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.local.demo_model import MODEL

if TYPE_CHECKING:
    from openai import OpenAI

Vector = Sequence[float]

_SECONDS_TO_ANSWER = 60


@dataclass(frozen=True)
class Answer:
    """A vector, who gave it, and how many seconds the caller waited for it."""

    vector: Vector = field(repr=False)
    tier: str
    seconds: float


@dataclass
class Notes:
    """What the callers of a pass notice: the seconds of each answer by its tier, the tier of each sentence's first
    answer, and how many answers were not the model's own."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    first: dict[str, str] = field(default_factory=dict[str, str])
    wrong: int = 0

    def note(self, sentence: str, answer: Answer, own: Vector) -> None:
        """``own`` is what the model says when it is asked directly."""
        self.seconds[answer.tier].append(answer.seconds)
        self.first.setdefault(sentence, answer.tier)
        self.wrong += answer.vector != own


@contextmanager
def caller(url: str, api_key: str, *, transport: bool = False) -> Iterator["OpenAI"]:
    """The SDK, pointed at ``url``; with ``transport``, that of the edge cache does its sending.

    It goes through no proxy and never tries again: every request is one of those that are counted.
    """
    from openai import DefaultHttpxClient, OpenAI

    http_client = DefaultHttpxClient(transport=EdgeCacheTransport() if transport else None, trust_env=False)
    with OpenAI(
        base_url=f"{url}/v1", api_key=api_key, http_client=http_client, max_retries=0, timeout=_SECONDS_TO_ANSWER
    ) as client:
        yield client


def ask(client: "OpenAI", sentence: str, user: str) -> Answer:
    """The vector of ``sentence``. Raises ``EdgeCacheError`` when there is none."""
    import openai

    started = perf_counter()
    try:
        raw = client.embeddings.with_raw_response.create(model=MODEL, input=sentence, user=user)
        vector = raw.parse().data[0].embedding
    except openai.OpenAIError as error:
        raise EdgeCacheError(f"no answer from {client.base_url}: {error}") from error
    seconds = perf_counter() - started
    response = raw.http_response
    served = response.extensions.get(EXTENSION) or served_by_post(response.headers, "")
    # What was not looked up was computed: the model's own count will tell.
    return Answer(vector, "model" if served.tier == "passed" else served.tier, seconds)


def replay(clients: "Sequence[OpenAI]", traffic: Iterable[str]) -> Iterator[tuple[str, Answer]]:
    """Each sentence of ``traffic`` and its answer. The clients take turns, and every request names another user."""
    for number, sentence in enumerate(traffic):
        yield sentence, ask(clients[number % len(clients)], sentence, f"user-{number}")


def status_without_key(url: str) -> int:
    """The status of a POST whose Bearer key is none of the cache's: 200 when it is answered."""
    import openai

    with caller(url, "sk-a-key-of-the-model") as client:
        try:
            ask(client, "Whose key is this?", "nobody")
        except EdgeCacheError as error:
            if isinstance(error.__cause__, openai.APIStatusError):
                return error.__cause__.status_code
            raise
    return 200
