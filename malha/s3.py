"""The object store, seen from Python."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from malha.errors import UnreachableError
from malha.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    try:
        client(settings).list_buckets()
    except (BotoCoreError, ClientError, ValueError) as error:
        raise UnreachableError(
            f"S3 at {settings.s3_endpoint} does not answer a signed request ({error}): "
            "start the stack with `make up`, or set S3_ENDPOINT and its credentials"
        ) from error


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3a://bucket/some/prefix` into its bucket and its prefix (which may be empty)."""
    parts = urlsplit(uri)
    return parts.netloc, parts.path.strip("/")
