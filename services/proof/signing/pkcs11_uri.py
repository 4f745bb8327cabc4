"""Where a key lies in a module, as RFC 7512 writes it: ``pkcs11:token=…;object=…?module-path=…&pin-source=…``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

SCHEME = "pkcs11:"

_OF_PATH = frozenset({"token", "serial", "object", "id", "type"})
_OF_QUERY = frozenset({"module-path", "pin-source"})


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A module (its library), the token in it, the key on the token, and the file that holds the PIN."""

    module: Path
    pin_file: Path
    token: str | None
    serial: bytes | None
    label: str | None
    identifier: bytes | None


def read_uri(uri: str) -> KeyPlace:
    """Return the place that a URI names. Raises ValueError, which quotes nothing of it: it may hold a secret."""
    if not uri.startswith(SCHEME):
        raise ValueError("pkcs11:… is expected")
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    inside, around = _attributes(path, ";", _OF_PATH), _attributes(query, "&", _OF_QUERY)
    if inside.get("type", b"private") != b"private":
        raise ValueError("type=private is expected, where there is a type")
    if not inside.keys() & {"token", "serial"}:
        raise ValueError("a token is expected: token=… or serial=…")
    if not inside.keys() & {"object", "id"}:
        raise ValueError("a key is expected: object=… or id=…")
    return KeyPlace(
        module=_file(around, "module-path"),
        pin_file=_file(around, "pin-source"),
        token=_text(inside.get("token")),
        serial=inside.get("serial"),
        label=_text(inside.get("object")),
        identifier=inside.get("id"),
    )


def _attributes(text: str, between: str, known: frozenset[str]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for one in filter(None, text.split(between)):
        name, equals, value = one.partition("=")
        if name not in known or name in found or not equals or not value:
            expected = ", ".join(sorted(known))
            raise ValueError(f"of {expected} each at most once, with a value, and nothing else is expected")
        found[name] = unquote_to_bytes(value)
    return found


def _file(around: Mapping[str, bytes], name: str) -> Path:
    try:
        path = Path((_text(around.get(name)) or "").removeprefix("file://").removeprefix("file:"))
    except ValueError:
        path = Path()
    if not path.is_absolute():
        raise ValueError(f"{name}= with the absolute path of a file is expected")
    return path


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
