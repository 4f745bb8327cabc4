"""A bucket as a whole: made, and listed; never on the way of a deposit."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import MinioException, S3Error
from minio.versioningconfig import VersioningConfig
from urllib3.exceptions import HTTPError

from shared.object_store.errors import StoreUnavailable
from shared.object_store.s3_connections import pool
from shared.object_store.s3_wire import Bucket


def prepare(bucket: Bucket) -> None:
    """Create the bucket, with versions and Object Lock as asked for, where we have the right to.

    What an operator has made, and we may not change, is for `probe` to judge.
    """
    client = client_of(bucket)
    try:
        if not client.bucket_exists(bucket.name):
            client.make_bucket(bucket.name, object_lock=bucket.locked)
        if bucket.versioned and client.get_bucket_versioning(bucket.name).status != ENABLED:
            _keep_versions(client, bucket.name)
    except S3Error as error:
        if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise StoreUnavailable(f"{bucket.name}: {error}") from error
    except (MinioException, HTTPError) as error:
        raise StoreUnavailable(f"{bucket.name}: {error}") from error


def _keep_versions(client: Minio, name: str) -> None:
    try:
        client.set_bucket_versioning(name, VersioningConfig(ENABLED))
    except S3Error as error:
        if error.code != "AccessDenied":
            raise


def left_behind(bucket: Bucket, folder: str, before: datetime, most: int) -> list[str]:
    """Name up to `most` objects of a folder that were last written before a moment."""
    try:
        return list(islice(_older(client_of(bucket), bucket.name, folder, before), most))
    except (MinioException, HTTPError) as error:
        raise StoreUnavailable(f"{bucket.name}: {error}") from error


def _older(client: Minio, name: str, folder: str, before: datetime) -> Iterator[str]:
    for found in client.list_objects(name, prefix=f"{folder}/"):
        if found.object_name is not None and found.last_modified is not None and found.last_modified < before:
            yield found.object_name


def client_of(bucket: Bucket) -> Minio:
    """Return the library's client for a bucket."""
    return Minio(
        bucket.endpoint,
        bucket.access_key,
        bucket.secret_key,
        secure=bucket.secure,
        region=bucket.region,
        http_client=pool(10, connect_within=2, answer_within=30),
    )
