"""What MinIO needs before the mesh can use it: buckets, and users limited to their task."""

from typing import Any
from urllib.parse import urlsplit

from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings
from urllib3.exceptions import HTTPError

from malha import s3
from malha.errors import SettingError, UnreachableError
from malha.settings import Settings
from stack import storage


class Users(BaseSettings):
    """The users to make; MinIO asks for secrets of 8 characters or more."""

    writer_access_key: str = Field(min_length=3)
    writer_secret_key: str = Field(min_length=8, repr=False)
    reader_access_key: str = Field(min_length=3)
    reader_secret_key: str = Field(min_length=8, repr=False)


def load_users() -> Users:
    """Read the users from the environment.

    Raises:
        SettingError: a variable is missing or too short.
    """
    try:
        return Users()
    except ValidationError as error:
        problem = error.errors()[0]
        raise SettingError(f"{str(problem['loc'][0]).upper()}: {problem['msg']}") from None


def prepare(settings: Settings, users: Users) -> None:
    """Make what is missing; a changed secret or policy takes effect, nothing is removed.

    Args:
        settings: S3_ENDPOINT, and as AWS keys those of MinIO's root user.
        users: the pipeline's writer, and a reader for other engines.

    Raises:
        UnreachableError: the server does not answer or refuses.
    """
    storage.ensure_buckets(settings)
    endpoint = urlsplit(settings.s3_endpoint)
    admin = MinioAdmin(
        endpoint=endpoint.netloc,
        secure=endpoint.scheme == "https",
        region=settings.aws_region,
        credentials=StaticProvider(settings.aws_access_key_id, settings.aws_secret_access_key),
    )
    try:
        for name, access_key, secret_key, policy in [
            ("malha-writer", users.writer_access_key, users.writer_secret_key, writer(settings)),
            ("malha-reader", users.reader_access_key, users.reader_secret_key, reader(settings)),
        ]:
            admin.user_add(access_key, secret_key)
            admin.policy_add(name, policy=policy)
            admin.policy_set(name, user=access_key)
    except (MinioAdminException, HTTPError) as error:
        raise UnreachableError(
            f"MinIO at {settings.s3_endpoint} does not accept its users ({error}): "
            "check MINIO_ROOT_USER and MINIO_ROOT_PASSWORD"
        ) from error


def writer(settings: Settings) -> dict[str, Any]:
    """The policy of the pipeline: all objects of the mesh's buckets, and no other bucket."""
    buckets = storage.buckets(settings)
    return _policy(
        _allow(
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], *buckets
        ),
        _allow(
            [
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts",
            ],
            *(f"{bucket}/*" for bucket in buckets),
        ),
    )


def reader(settings: Settings) -> dict[str, Any]:
    """The policy of those who read products from S3: the files of ouro, and nothing else."""
    bucket, warehouse = s3.split_uri(settings.lake_uri)
    ouro = f"{warehouse}/ouro.db".lstrip("/")
    return _policy(
        _allow(["s3:GetBucketLocation"], bucket),
        _allow(["s3:ListBucket"], bucket)
        | {"Condition": {"StringLike": {"s3:prefix": [ouro, f"{ouro}/*"]}}},
        _allow(["s3:GetObject"], f"{bucket}/{ouro}/*"),
    )


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": actions,
        "Resource": [f"arn:aws:s3:::{resource}" for resource in resources],
    }
