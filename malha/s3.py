"""The object store, seen from Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from malha.errors import UnreachableError
from malha.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef


def client(settings: Settings) -> "S3Client":
    """A client of the store that the settings name; it gives up after seconds, not minutes."""
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=settings.aws_secret_access_key,
        region_name=settings.aws_region,
        config=Config(
            connect_timeout=3,
            read_timeout=20,
            retries={"total_max_attempts": 2},
            s3={"addressing_style": "path"},
        ),
    )


def check(settings: Settings) -> None:
    """Make one signed request.

    Raises:
        UnreachableError: the store does not answer or refuses the credentials.
    """
    bucket, _ = split_uri(settings.lake_uri)
    with reporting(settings):
        try:
            client(settings).head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "404":
                raise


@contextmanager
def reporting(settings: Settings) -> Iterator[None]:
    """Raise UnreachableError where a call to the store fails in the block."""
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error, ValueError) as error:
        raise UnreachableError(
            f"S3 at {settings.s3_endpoint} does not answer a signed request ({error}): "
            "start the stack with `make up`, or set S3_ENDPOINT and its credentials"
        ) from error


def objects(client: "S3Client", bucket: str, prefix: str = "") -> Iterator["ObjectTypeDef"]:
    """What is below a prefix, in the order of the keys, however much it is."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def remove_all(uri: str, settings: Settings) -> None:
    """Remove what is in a folder, if anything.

    Raises:
        UnreachableError: the store does not answer.
    """
    bucket, prefix = split_uri(uri)
    with reporting(settings):
        store = client(settings)
        for found in objects(store, bucket, f"{prefix}/"):
            store.delete_object(Bucket=bucket, Key=found["Key"])


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3a://bucket/some/key` into its bucket and its key or prefix (which may be empty)."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, key.strip("/")
