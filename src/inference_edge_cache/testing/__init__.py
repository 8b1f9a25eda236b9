"""Test any Pulumi program without a cloud, a CLI or an account.

`record` runs a program against mocks and returns what it registered, as plain values::

    import pulumi
    import pulumi_aws as aws
    from inference_edge_cache.testing import record

    def program() -> None:
        logs = aws.s3.Bucket("logs")
        pulumi.export("logs", logs.arn)

    def test_the_program_keeps_its_logs():
        recording = record(program)
        assert recording.tree() == "aws:s3/bucket:Bucket logs"
        assert recording.one("logs").options.protect is False
        assert recording.outputs["logs"].startswith("arn:aws:s3:::logs-")
        assert recording.warnings == ()

Run each scenario with `preview=True` too: it finds code that cannot wait for an Output.
"""

from inference_edge_cache.errors import RecordingError
from inference_edge_cache.testing._mocks import Cloud, CloudMocks, NewResource
from inference_edge_cache.testing._record import record
from inference_edge_cache.testing._recording import (
    Invoke,
    LogLine,
    Options,
    Recording,
    Resource,
    Secret,
    Unknown,
    reveal,
)

__all__ = [
    "Cloud",
    "CloudMocks",
    "Invoke",
    "LogLine",
    "NewResource",
    "Options",
    "Recording",
    "RecordingError",
    "Resource",
    "Secret",
    "Unknown",
    "record",
    "reveal",
]
