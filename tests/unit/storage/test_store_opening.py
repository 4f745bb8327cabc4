"""Reading a store's description."""

from urllib.parse import urlsplit

import pytest

from shared.object_store.errors import StoreMisconfigured
from shared.object_store.opening import bucket_of, open_store


def test_a_buckets_url_says_everything() -> None:
    bucket = bucket_of(urlsplit("s3+http://k%2Fy:s%40cret@127.0.0.1:8333/site-b?region=fr&lock=yes&checksum=no"))

    assert (bucket.endpoint, bucket.name, bucket.region) == ("127.0.0.1:8333", "site-b", "fr")
    assert (bucket.access_key, bucket.secret_key) == ("k/y", "s@cret")
    assert (bucket.secure, bucket.versioned, bucket.locked, bucket.checksum) == (False, True, True, False)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://key:hush@host/bucket",
        "s3://host/bucket",
        "s3://key:hush@host/",
        "s3://key:hush@host/bucket/folder",
        "s3://key:hush@host/bucket?lok=yes",
        "s3://key:hush@host/bucket?lock=maybe",
        "file://host/folder",
        "file:folder",
    ],
)
def test_a_mistaken_url_is_refused_without_telling_its_secret(url: str) -> None:
    with pytest.raises(StoreMisconfigured) as refusal:
        open_store(url)

    assert "hush" not in str(refusal.value)


def test_a_bucket_shown_in_a_log_keeps_its_secret() -> None:
    assert "hush" not in repr(bucket_of(urlsplit("s3://key:hush@host/bucket")))
