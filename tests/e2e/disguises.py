"""A name in every form in which it may stand among bytes: cases, accents, encodings, escapes, plain digests."""

import base64
import hashlib
import json
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote


def disguises(name: str) -> frozenset[bytes]:
    """Return the forms of a name to look for, in lower case; look for them in bytes in lower case."""
    return frozenset(form.lower() for spelt in _spellings(name) for form in _encoded(spelt))


def seen(forms: frozenset[bytes], content: bytes) -> list[bytes]:
    """Return those of the forms that stand in some bytes."""
    lower = content.lower()
    return sorted(form for form in forms if form in lower)


def _spellings(name: str) -> frozenset[str]:
    bare = "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
    spelt = {name, bare, name.replace(" ", "-"), name.replace(" ", "_"), name.replace(" ", "+")}
    cased = {each for one in spelt for each in (one, one.lower(), one.upper(), one.casefold(), one.title())}
    return frozenset(unicodedata.normalize(form, one) for one in cased for form in ("NFC", "NFD"))


def _encoded(text: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp1252"):
        content = text.encode(encoding, "ignore")
        yield content
        yield content.hex().encode()
        yield from _in_base64(content)
    plain = text.encode()
    yield json.dumps(text).strip('"').encode()
    yield quote(text).encode()
    # Whoever knows a name can look for its plain digest: to write that is to write the name.
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        yield hashlib.new(algorithm, plain).hexdigest().encode()
        yield base64.b64encode(hashlib.new(algorithm, plain).digest()).rstrip(b"=")


def _in_base64(content: bytes) -> Iterator[bytes]:
    """Give what is the same of a text in base64 wherever it begins: the letters that only it decides."""
    for shift in range(3):
        written = base64.b64encode(b"\0" * shift + content)
        first, whole = (shift * 8 + 5) // 6, (shift + len(content)) * 8 // 6
        yield written[first:whole]
        yield base64.urlsafe_b64encode(b"\0" * shift + content)[first:whole]
