"""Open a store from one line of configuration.

    file:///srv/archive/site-a
    s3://KEY:SECRET@s3.example.org/bucket?region=eu-west-3&lock=yes
    s3+http://KEY:SECRET@127.0.0.1:8333/bucket?checksum=no
    file:///srv/archive/staging?reserve=4294967296

Plain HTTP is for one machine, or a closed network.

Options of a bucket, `yes` or `no`: `versions` (yes; staging may say no), `lock` (no), `checksum` (yes).
Of any store, in bytes: `reserve` (1 GiB), which new deposits may not take, and `quota` (none), what is ours in all.
"""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

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
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return FilesystemStore(Path(unquote(parts.path)), allowance_of(_options(parts, parts.path, _OF_ANY)))
    if parts.scheme in ("s3", "s3+http"):
        bucket = bucket_of(parts)
        return S3Store(bucket, allowance_of(_options(parts, bucket.name, _OF_BUCKETS)))
    # The URL may hold a secret: only its scheme is repeated.
    raise StoreMisconfigured(f"a store is file:///folder, s3:// or s3+http://, not {parts.scheme}://…")


def bucket_of(parts: SplitResult) -> Bucket:
    """Read a bucket's description from its URL; every mistake is named, no secret is."""
    name = parts.path.strip("/")
    if not (parts.hostname and parts.username and parts.password and name) or "/" in name:
        raise StoreMisconfigured(f"{parts.scheme}://KEY:SECRET@host[:port]/bucket is expected")
    options = _options(parts, name, _OF_BUCKETS)
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


def _options(parts: SplitResult, name: str, known: frozenset[str]) -> dict[str, str]:
    try:
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError as error:
        raise StoreMisconfigured(f"store {name}: options are name=value, joined by &") from error
    if unknown := sorted(options.keys() - known):
        raise StoreMisconfigured(f"store {name}: unknown option {', '.join(unknown)}")
    return options


def _bytes(options: dict[str, str], name: str) -> int | None:
    if name not in options:
        return None
    if not options[name].isdecimal():
        raise StoreMisconfigured(f"option {name} is a number of bytes, not {options[name]!r}")
    return int(options[name])


def _option(options: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in options:
        return default
    if options[name] not in _YES_OR_NO:
        raise StoreMisconfigured(f"option {name} is yes or no, not {options[name]!r}")
    return _YES_OR_NO[options[name]]
