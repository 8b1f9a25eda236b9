"""Whether a request asks for its answer as a stream."""

import json


def asks_for_stream(body: bytes) -> bool:
    """``"stream": true`` in a JSON object: so do requests of OpenAI and Anthropic, and of the servers that speak like
    them (platform.openai.com/docs/api-reference/streaming, docs.anthropic.com/en/api/messages-streaming)."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("stream") is True
