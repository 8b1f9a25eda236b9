"""LiteLLM's library and its cache in memory, in an environment of its own: ``python -m parts.run_litellm MODEL``.

It reads commands and writes results, one line of JSON each. Nothing of the project is needed, or imported, here.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}

import litellm
from litellm.caching.caching import Cache
from litellm.litellm_core_utils.model_param_helper import ModelParamHelper

PROVIDERS = {"chat/completions": "openai/", "v1/completions": "text-completion-openai/", "embeddings": "openai/"}
KNOWN = ModelParamHelper.get_all_llm_api_params()
"""What LiteLLM takes as an argument of its own; everything else goes in ``extra_body``."""


def ask(base: str, request: dict[str, Any], **options: Any) -> str:
    """The marks of the answer: what the model has read, and the answer's number."""
    fields = json.loads(request["body"])
    kind = next(kind for kind in PROVIDERS if request["route"].endswith(kind))
    arguments: dict[str, Any] = {name: value for name, value in fields.items() if name in KNOWN}
    more = {name: value for name, value in fields.items() if name not in KNOWN}
    arguments |= {"model": PROVIDERS[kind] + fields["model"], "api_base": f"{base}/v1", "max_retries": 0}
    # A tenant is who calls: here, whose key is sent.
    arguments |= {"api_key": f"key-of-{request['tenant']}", **options}
    if more:
        arguments["extra_body"] = more
    if request["headers"]:
        arguments["extra_headers"] = request["headers"]
    try:
        return _marks(kind, arguments)
    except litellm.UnsupportedParamsError:
        # What the error advises.
        return _marks(kind, arguments | {"allowed_openai_params": list(fields)})


def _marks(kind: str, arguments: dict[str, Any]) -> str:
    if kind == "embeddings":
        read, serial = litellm.embedding(**arguments).data[0]["embedding"]
        return f"{int(read)} {int(serial)}"
    if kind == "v1/completions":
        text = litellm.text_completion(**arguments).choices[0].text
    elif arguments.get("stream"):
        text = "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**arguments))
    else:
        text = litellm.completion(**arguments).choices[0].message.content
    return " ".join(text.split()[:2])


def answered(base: str, pair: dict[str, Any]) -> list[list[str]] | str:
    """For each request what the model itself says, and what came through the cache, which was empty at first."""
    litellm.cache = Cache()
    try:
        own = [ask(base, request, caching=False) for request in pair["asks"]]
        litellm.cache = Cache()
        return [[mine, ask(base, request, caching=True)] for mine, request in zip(own, pair["asks"], strict=True)]
    except Exception as error:
        return type(error).__name__


def timed(base: str, bodies: list[str], caching: bool) -> list[float]:
    taken = []
    for body in bodies:
        request = {"route": "/v1/chat/completions", "body": body, "headers": {}, "tenant": "a"}
        started = time.perf_counter()
        ask(base, request, caching=caching)
        taken.append(time.perf_counter() - started)
    return taken


def main(base: str) -> None:
    litellm.suppress_debug_info = True
    litellm.cache = Cache()
    out, sys.stdout = sys.stdout, sys.stderr  # LiteLLM prints
    print(json.dumps(version("litellm")), file=out, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "time":
            result: Any = timed(base, command["bodies"], command["caching"])
        else:
            litellm.enable_caching_on_provider_specific_optional_params = command["flagged"]
            result = answered(base, command["pair"])
        print(json.dumps(result), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
