"""A purge on AWS, with boto3 and the credentials that it finds."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.operations.purge import CloudRefused
from inference_edge_cache.operations.targets import Deployment

_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")


class AwsSide:
    """S3 and CloudFront.

    Needs ``s3:ListBucket`` and ``s3:DeleteObject`` on the results bucket, ``cloudfront:CreateInvalidation`` on the
    distribution. S3 lists and deletes at most 1,000 objects at once
    (docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
    """

    def __init__(self, deployment: Deployment) -> None:
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise MissingExtraError("purge-aws", "A purge on AWS") from error
        self._deployment = deployment
        with _asking("AWS"):
            self._s3: Any = boto3.client("s3")
            self._cloudfront: Any = boto3.client("cloudfront")

    def names(self, prefix: str) -> Iterator[list[str]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._deployment.results_bucket, Prefix=prefix
        )
        with _asking("S3"):
            for page in pages:
                yield [each["Key"] for each in page.get("Contents", ())]

    def delete(self, names: list[str]) -> Mapping[str, int]:
        with _asking("S3"):
            answer = self._s3.delete_objects(
                Bucket=self._deployment.results_bucket,
                Delete={"Objects": [{"Key": name} for name in names], "Quiet": True},
            )
        return Counter(_code(error.get("Code")) for error in answer.get("Errors", ()))

    def invalidate(self, path: str) -> str:
        with _asking("CloudFront"):
            answer = self._cloudfront.create_invalidation(
                DistributionId=self._deployment.cache_id,
                # The same reference would be the same invalidation: each purge makes its own.
                InvalidationBatch={"Paths": {"Quantity": 1, "Items": [path]}, "CallerReference": str(uuid4())},
            )
        return str(answer["Invalidation"]["Id"])


@contextmanager
def _asking(service: str) -> Iterator[None]:
    """What botocore says of an error may hold a path, so it is only named."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise CloudRefused(service, _code(error.response.get("Error", {}).get("Code"))) from None
    except (BotoCoreError, OSError) as error:
        raise CloudRefused(service, type(error).__name__) from None


def _code(said: object) -> str:
    return said if isinstance(said, str) and _CODE.fullmatch(said) else "an error without a code"
