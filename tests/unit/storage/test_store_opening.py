"""Reading a store's description."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.object_store.errors import StoreMisconfigured
from shared.object_store.opening import bucket_of, open_store
from shared.object_store.space import Space


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
        "file:///folder?lock=yes",
        "file:///folder?reserve=1GiB",
        "file:///folder?reserve",
        "s3://key:hush@host/bucket?quota=-1",
    ],
)
def test_a_mistaken_url_is_refused_without_telling_its_secret(url: str) -> None:
    with pytest.raises(StoreMisconfigured) as refusal:
        open_store(url)

    assert "hush" not in str(refusal.value)


def test_a_bucket_shown_in_a_log_keeps_its_secret() -> None:
    assert "hush" not in repr(bucket_of(urlsplit("s3://key:hush@host/bucket")))


async def test_how_much_of_a_store_is_ours_is_said_with_it(tmp_path: Path) -> None:
    folder = open_store(f"{tmp_path.as_uri()}?reserve=1000&quota=5000")
    bucket = open_store("s3://key:hush@host/bucket?reserve=10&quota=500")
    silent = open_store("s3://key:hush@host/bucket")
    await folder.prepare()

    assert await folder.space(held) == Space(4600, 5000, 1000)
    assert await bucket.space(held) == Space(100, 500, 10)
    assert await silent.space(held) is None
    for store in (folder, bucket, silent):
        await store.close()


async def held() -> int:
    return 400
