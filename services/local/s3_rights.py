"""Who may do what on a site: the keys of storage and of its purger, in the words of S3's own policies.

`docs/operations.md` has the same lists for the buckets of other providers, and a test compares.
"""

import json
from collections.abc import Sequence

SERVICE = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListBucketMultipartUploads",
    "s3:PutObjectRetention",
    "s3:GetObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:GetObjectLegalHold",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
)
"""Writes, reads, locks for longer, holds; deletes nothing, not even by a marker, and shortens no lock."""

PURGER = (
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:ListBucketMultipartUploads",
    "s3:AbortMultipartUpload",
    "s3:BypassGovernanceRetention",
)
"""Deletes and sees that it is done; reads and writes nothing, and lifts no hold."""


def policy(actions: Sequence[str], bucket: str = "*") -> str:
    """Return the document that allows these actions on a bucket, and nothing else."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
