"""Credentials and buckets of the embedded S3 server."""

import json
import os
import secrets
from pathlib import Path

from malha import s3
from malha.settings import Settings


def ensure_credentials(settings: Settings) -> None:
    """Generate the S3 credentials on first start, readable by this user alone."""
    if settings.credentials_path.exists():
        return
    write_private(
        settings.credentials_path,
        f"AWS_ACCESS_KEY_ID={secrets.token_hex(10).upper()}\n"
        f"AWS_SECRET_ACCESS_KEY={secrets.token_urlsafe(30)}\n",
    )


def identities_path(settings: Settings) -> Path:
    """Where SeaweedFS reads who may use it."""
    return settings.stack_dir / "s3-identities.json"


def write_identities(settings: Settings) -> None:
    """Tell SeaweedFS the credentials."""
    identity = {
        "name": "malha",
        "credentials": [
            {
                "accessKey": settings.aws_access_key_id,
                "secretKey": settings.aws_secret_access_key,
            }
        ],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(identities_path(settings), json.dumps({"identities": [identity]}))


def buckets(settings: Settings) -> list[str]:
    """The buckets of the lake, of the landing area, and of what the ingest and Spark note."""
    uris = (
        settings.lake_uri,
        settings.landing_uri,
        settings.checkpoint_uri,
        settings.spark_event_log_uri,
    )
    return sorted({s3.split_uri(uri)[0] for uri in uris if uri})


def ensure_buckets(settings: Settings) -> None:
    """Create the buckets that do not exist, and the folder of Spark's event logs.

    Spark logs no event unless the folder exists; on S3 it is an object of no bytes.
    """
    with s3.reporting(settings):
        client = s3.client(settings)
        existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in buckets(settings):
            if bucket not in existing:
                client.create_bucket(Bucket=bucket)
        if settings.spark_event_log_uri:
            bucket, prefix = s3.split_uri(settings.spark_event_log_uri)
            client.put_object(Bucket=bucket, Key=f"{prefix}/")


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read; it is there whole, or not at all."""
    whole = path.with_suffix(".partial")
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    whole.rename(path)
