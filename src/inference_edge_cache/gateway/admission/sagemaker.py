"""SageMaker's endpoints: the container decides what a body means, as ``protocol.dialects`` reads it, too.

docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from typing import Any

from inference_edge_cache.gateway.admission.chat import CHAT, COMPLETIONS
from inference_edge_cache.gateway.admission.outcomes import NotStored
from inference_edge_cache.gateway.admission.reading import Family, as_list, as_object
from inference_edge_cache.gateway.admission.scoring import judge_plain
from inference_edge_cache.gateway.admission.tgi import TGI


def sagemaker_family(request: Any) -> Family:
    """By what rules the answer to ``request`` is judged."""
    fields = as_object(request)
    if "messages" in fields:
        return CHAT
    if "prompt" in fields:
        return COMPLETIONS
    if ("inputs" in fields or "parameters" in fields) and not _are_tensors(fields.get("inputs")):
        return _TEXT
    return _TENSORS


def _are_tensors(inputs: Any) -> bool:
    """github.com/kserve/open-inference-protocol: Triton's ``inputs`` are objects that state their ``datatype``.

    tensorflow.org/tfx/serving/api_rest: TensorFlow Serving's are numbers, nested or named.
    """
    named = as_list(inputs)
    if named and all("datatype" in as_object(tensor) for tensor in named):
        return True
    return _holds_numbers(inputs, labelled=False)


def _judge_text(request: Any, document: Any) -> NotStored | None:
    """The containers of Hugging Face take ``inputs`` for every task; an answer of scores and labels is no text.

    It has no end at which it could be cut off: github.com/aws/sagemaker-huggingface-inference-toolkit.
    """
    if _holds_numbers(document, labelled=True):
        return judge_plain(request, document)
    return TGI.answer(request, document)


def _holds_numbers(value: Any, *, labelled: bool) -> bool:
    """Whether there are numbers in ``value``, and nothing else but, with ``labelled``, each ``label``."""
    rest, found = [("", value)], False
    while rest:
        name, item = rest.pop()
        if isinstance(item, dict):
            rest.extend(item.items())
        elif isinstance(item, list):
            rest.extend(("", one) for one in item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found = True
        elif not (labelled and name == "label" and isinstance(item, str)):
            return False
    return found


_TEXT = Family(_judge_text, TGI.stream)
_TENSORS = Family(judge_plain)
