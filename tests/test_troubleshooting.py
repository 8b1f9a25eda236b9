"""The troubleshooting page quotes errors that exist: the gateway's own, and those of CloudFront's API."""

import re
from pathlib import Path

import botocore.session
import pytest

from inference_edge_cache.gateway.admission.outcomes import NotStoredReason
from inference_edge_cache.protocol.outcomes import BypassReason

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
GATEWAY = "\n".join(file.read_text() for file in (ROOT / "src/inference_edge_cache/gateway").rglob("*.py"))


def quoted(heading: str) -> list[str]:
    """What the first column of a section's table quotes."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| ")]
    return [quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell)]


def constant_parts(message: str) -> list[str]:
    return [part.strip(" ()") for part in message.split("...") if part.strip(" ()")]


@pytest.mark.parametrize("message", [quote for quote in quoted("What the gateway answers") if " " in quote])
def test_the_gateway_says_what_the_page_quotes(message):
    for part in constant_parts(message):
        assert part in GATEWAY


def test_every_error_of_cloudfront_that_the_page_names_is_one():
    named = [quote for quote in quoted("`pulumi up` on AWS") if re.fullmatch(r"[A-Z][A-Za-z]+", quote)]
    known = set(botocore.session.get_session().get_service_model("cloudfront").shape_names)
    known |= {"AccessDenied", "BucketNotEmpty"}  # IAM's and S3's, which their models do not list
    assert len(named) > 8
    assert set(named) <= known


def test_every_reason_of_a_bypass_or_a_refusal_that_the_page_names_is_one():
    words = [
        match[1]
        for quote in quoted("It answers, but is never a hit")
        if (match := re.search(r'detail="([a-z-]+)', quote))
    ]
    assert len(words) > 3
    assert set(words) <= {*BypassReason, *NotStoredReason, "requested"}
