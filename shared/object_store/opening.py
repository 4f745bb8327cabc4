"""Open a store from one line of configuration.

    file:///srv/archive/site-a
    s3://KEY:SECRET@s3.example.org/bucket?region=eu-west-3&lock=yes
    s3+http://KEY:SECRET@127.0.0.1:8333/bucket?checksum=no

Plain HTTP is for one machine, or a closed network.

Options of a bucket, `yes` or `no`: `versions` (yes; staging may say no), `lock` (no), `checksum` (yes).
"""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from shared.object_store.errors import StoreMisconfigured
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.port import ObjectStore
from shared.object_store.s3 import S3Store
from shared.object_store.s3_wire import Bucket

_YES_OR_NO = {"yes": True, "no": False}
_OPTIONS = frozenset({"region", "versions", "lock", "checksum"})


def open_store(url: str) -> ObjectStore:
    """Return the store a URL describes; nothing is asked of it yet (`probe`, `prepare` do that)."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc and not parts.query:
        return FilesystemStore(Path(unquote(parts.path)))
    if parts.scheme in ("s3", "s3+http"):
        return S3Store(bucket_of(parts))
    # The URL may hold a secret: only its scheme is repeated.
    raise StoreMisconfigured(f"a store is file:///folder, s3:// or s3+http://, not {parts.scheme}://…")


def bucket_of(parts: SplitResult) -> Bucket:
    """Read a bucket's description from its URL; every mistake is named, no secret is."""
    name = parts.path.strip("/")
    options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    if not (parts.hostname and parts.username and parts.password and name) or "/" in name:
        raise StoreMisconfigured(f"{parts.scheme}://KEY:SECRET@host[:port]/bucket is expected")
    if unknown := sorted(options.keys() - _OPTIONS):
        raise StoreMisconfigured(f"bucket {name}: unknown option {', '.join(unknown)}")
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


def _option(options: dict[str, str], name: str, *, default: bool) -> bool:
    if name not in options:
        return default
    if options[name] not in _YES_OR_NO:
        raise StoreMisconfigured(f"option {name} is yes or no, not {options[name]!r}")
    return _YES_OR_NO[options[name]]
