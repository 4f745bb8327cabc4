"""The fields that each object of a proof has, and no others (docs/proof-format.md)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from chartrier_client.verifying.canonical import is_count, is_number, is_sha512, is_time, is_uuid
from chartrier_client.verifying.checks import Malformed

Is = Callable[[object], bool]


def fits(value: Mapping[str, Any], shape: Mapping[str, Is]) -> None:
    """Raise `Malformed` where an object has not exactly the fields of a shape, or one is of another kind."""
    for name in sorted(value.keys() ^ shape.keys()):
        raise Malformed("field_unknown" if name in value else "field_missing", field=name)
    for name, fitting in shape.items():
        if not fitting(value[name]):
            raise Malformed("field_wrong", field=name)


def moment(text: str) -> datetime:
    """Return a time of a proof; raises `Malformed` for the thirtieth of February."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise Malformed("field_wrong", field=text) from error


def _text(value: object) -> bool:
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def literally(*texts: str) -> Is:
    """Return what says whether a value is one of some texts."""
    return lambda value: isinstance(value, str) and value in texts


def _or_null(fitting: Is) -> Is:
    return lambda value: value is None or fitting(value)


def _each(shape: Mapping[str, Is]) -> Is:
    return lambda value: isinstance(value, list) and all(_is(each, shape) for each in value)


def _one(shape: Mapping[str, Is]) -> Is:
    return lambda value: _is(value, shape)


def _is(value: object, shape: Mapping[str, Is]) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == shape.keys()
        and all(fitting(value[name]) for name, fitting in shape.items())
    )


_NAMED: Final[Mapping[str, Is]] = {"number": is_number, "sha512": is_sha512}
_LINE: Final[Mapping[str, Is]] = {"journal": _text, "number": is_number, "sha512": is_sha512}

SEAL: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "format": literally("chartrier-seal/1"),
        "number": is_number,
        "at": is_time,
        "algorithm": literally("sha512"),
        "probative": _flag,
        "previous": _or_null(_one(_NAMED)),
        "month_before": _or_null(_one(_NAMED)),
        "year_before": _or_null(_one(_NAMED)),
        "anchor": _or_null(_one(_NAMED)),
        "journals": is_count,
        "heads_sha512": is_sha512,
        "deposits": is_count,
        "deposits_sha512": is_sha512,
        "members_sha512": is_sha512,
    }
)
HEAD: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "establishment": _or_null(is_uuid),
        "head": _one({"number": is_count, "sha512": is_sha512}),
        "journal": _text,
        "lines": _or_null(_one({"first": is_number, "last": is_number, "root": is_sha512})),
    }
)
DEPOSIT: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "aip": is_uuid,
        "establishment": _or_null(is_uuid),
        "leaf": is_sha512,
        "members": is_number,
        "version": is_number,
    }
)
SEAL_SIGNATURE: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "format": literally("chartrier-seal-signature/1"),
        "number": is_number,
        "root": _text,
        "sha512": is_sha512,
    }
)
RENEWAL: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "format": literally("chartrier-renewal/1"),
        "number": is_number,
        "at": is_time,
        "kind": literally("timestamp", "tree"),
        "algorithm": _text,
        "probative": _flag,
        "leaves": is_count,
        "leaves_sha512": is_sha512,
        "members_sha512": _or_null(is_sha512),
        "previous": _or_null(_one(_NAMED)),
    }
)
RENEWED: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "leaf": _text,
        "renewed": _one({"kind": literally("seal", "renewal"), "number": is_number}),
    }
)
RENEWED_PACKAGE: Final[Mapping[str, Is]] = MappingProxyType(
    {"aip": is_uuid, "leaf": _text, "members": is_number, "version": is_number}
)
RENEWED_LINES: Final[Mapping[str, Is]] = MappingProxyType(
    {"journal": _text, "first": is_number, "last": is_number, "root": _text}
)
ANCHOR: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "format": literally("chartrier-anchor/1"),
        "number": is_number,
        "at": is_time,
        "previous": _or_null(is_sha512),
        "probative": _flag,
        "seal": _or_null(_one(_NAMED)),
        "heads": _each(_LINE),
        "senders": _each({"batch": is_number, "sender": _text, "sha512": is_sha512}),
    }
)
RECEIPT: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "format": literally("chartrier-receipt/1"),
        "probative": _flag,
        "transfer": is_uuid,
        "establishment": is_uuid,
        "aip": is_uuid,
        "version": is_number,
        "accepted_at": is_time,
        "issued_at": is_time,
        "aip_sha512": is_sha512,
        "aip_size": is_count,
        "group": is_sha512,
        "members": is_number,
        "copies": _each({"place": _text, "sha512": is_sha512, "site": _text, "verified_at": is_time}),
        "lines": _each(_LINE),
    }
)
LINE: Final[Mapping[str, Is]] = MappingProxyType(
    {
        "format": literally("chartrier-journal-line/1"),
        "journal": _text,
        "number": is_number,
        "previous": is_sha512,
        "recorded_at": is_time,
        "occurred_at": is_time,
        "kind": literally("archives", "events", "writes"),
        "action": _text,
        "actor": _text,
        "outcome": literally("ok", "ko"),
        "object": _or_null(_text),
        "establishment": _or_null(is_uuid),
        "transfer": _or_null(is_uuid),
        "details": lambda value: isinstance(value, dict),
        "sender": _text,
        "batch": is_number,
        "batch_sha512": is_sha512,
        "index": is_count,
    }
)
