"""Open a store from one line of configuration.

    file:///srv/archive/site-a
    s3://KEY:SECRET@s3.example.org/bucket?region=eu-west-3&lock=yes
    s3+http://KEY:SECRET@127.0.0.1:8333/bucket?checksum=no
    file:///srv/archive/staging?reserve=4294967296

Plain HTTP is for one machine, or a closed network.

Options of a bucket, `yes` or `no`: `versions` (yes; staging may say no), `lock` (no), `checksum` (yes).
Of any store, in bytes: `reserve` (1 GiB), which new deposits may not take, and `quota` (none), what is ours in all.
"""

from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator

from shared.dependencies import Dependency
from shared.object_store.errors import StoreMisconfigured
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.port import ObjectStore
from shared.object_store.s3 import S3Store
from shared.object_store.s3_wire import Bucket
from shared.object_store.space import USUAL, Allowance

_YES_OR_NO = {"yes": True, "no": False}
_OF_ANY = frozenset({"reserve", "quota"})
_OF_BUCKETS = frozenset({"region", "versions", "lock", "checksum"}) | _OF_ANY


def open_store(url: str) -> ObjectStore:
    """Return the store a URL describes; nothing is asked of it yet (`probe`, `prepare` do that)."""
    place, allowance = _place(url)
    return FilesystemStore(place, allowance) if isinstance(place, Path) else S3Store(place, allowance)


def staging_of(store: ObjectStore) -> Dependency:
    """Return the dependency of a room that makes its staging ready before it opens."""
    return Dependency("staging", store.probe, open=partial(make_ready, store), setting="CHARTRIER_STAGING_URL")


async def make_ready(store: ObjectStore) -> None:
    """Create what the store needs, then see that it keeps what it promises. Raises what `prepare` and `probe` do."""
    await store.prepare()
    await store.probe()


def _place(url: str) -> tuple[Path | Bucket, Allowance]:
    # The URL may hold a secret: no part of it is repeated, nor what the standard library says of it.
    try:
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
            return Path(unquote(parts.path)), allowance_of(_options(parts, _OF_ANY))
        if parts.scheme in ("s3", "s3+http"):
            return bucket_of(parts), allowance_of(_options(parts, _OF_BUCKETS))
    except ValueError:
        pass
    raise StoreMisconfigured("file:///folder, s3://KEY:SECRET@host/bucket or s3+http://… is expected")


def _checked(url: str) -> str:
    try:
        _place(url)
    except StoreMisconfigured as error:
        raise ValueError(str(error)) from None
    return url


StoreUrl = Annotated[str, AfterValidator(_checked)]
"""A setting that `open_store` understands."""


def bucket_of(parts: SplitResult) -> Bucket:
    """Read a bucket's description from its URL; every mistake is named, no secret is."""
    name = parts.path.strip("/")
    if not (parts.hostname and parts.username and parts.password and name) or "/" in name or parts.port == 0:
        raise StoreMisconfigured(f"{parts.scheme}://KEY:SECRET@host[:port]/bucket is expected")
    options = _options(parts, _OF_BUCKETS)
    return Bucket(
        endpoint=parts.netloc.rpartition("@")[2],
        name=name,
        access_key=unquote(parts.username),
        secret_key=unquote(parts.password),
        secure=parts.scheme == "s3",
        region=options.get("region", "us-east-1"),
        versioned=_option(options, "versions", default=True),
        locked=_option(options, "lock", default=False),
        checksum=_option(options, "checksum", default=True),
    )


def allowance_of(options: dict[str, str]) -> Allowance:
    """Read what is granted of a store from its options."""
    reserve, quota = (_bytes(options, name) for name in ("reserve", "quota"))
    return Allowance(USUAL.reserve if reserve is None else reserve, quota)


def _options(parts: SplitResult, known: frozenset[str]) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    if options.keys() - known:
        raise StoreMisconfigured(f"options of such a store are {', '.join(sorted(known))}")
    return options


def _bytes(options: dict[str, str], name: str) -> int | None:
    if name not in options:
        return None
    if not options[name].isdecimal():
        raise StoreMisconfigured(f"option {name} is a number of bytes")
    return int(options[name])


def _option(options: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in options:
        return default
    if options[name] not in _YES_OR_NO:
        raise StoreMisconfigured(f"option {name} is yes or no")
    return _YES_OR_NO[options[name]]
