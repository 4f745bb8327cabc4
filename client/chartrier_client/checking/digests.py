"""Each file of a package is that of one object, with the digest and the size announced."""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, Final
from urllib.parse import unquote

from chartrier_client.checking.container import CHUNK, printable
from chartrier_client.checking.facts import ManifestFacts, ObjectFacts
from chartrier_client.checking.findings import LocalFinding, found

ALGORITHMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "md5": "MD5",
        "sha1": "SHA-1",
        "sha": "SHA-1",
        "sha224": "SHA-224",
        "sha256": "SHA-256",
        "sha384": "SHA-384",
        "sha512": "SHA-512",
    }
)
"""Bare name → usual name."""
WEAK: Final = frozenset({"MD5", "SHA-1"})


def key_of(path: str) -> str:
    """Return what the ways to write one path share."""
    clean = "/".join(part for part in path.split("/") if part not in {"", "."})
    return unicodedata.normalize("NFC", clean) if len(clean) <= 4096 else clean


@dataclass(slots=True)
class FileChecks:
    """Files against objects; `claimed` are the objects whose file is still to be met, by the key of its path."""

    claimed: dict[str, ObjectFacts] = field(default_factory=dict)
    findings: list[LocalFinding] = field(default_factory=list)

    def measure(self, name: str, key: str, stream: IO[bytes], tell: Callable[[int], None]) -> None:
        """Read a file, and compare it with its object; one that no object names is told of."""
        each = self.claimed.pop(key, None)
        if each is None:
            self.findings.append(found("OBJECT_FILE_UNCLAIMED", printable(name)))
        algorithm = algorithm_named(each.algorithm) if each else None
        digest = hashlib.new(algorithm.replace("-", ""), usedforsecurity=False) if algorithm else None
        size = 0
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            tell(len(chunk))
            if digest:
                digest.update(chunk)
        if each:
            self.findings += _differences(each, size, algorithm, digest.hexdigest() if digest else "")


def claims(facts: ManifestFacts, prefix: str, keys: Mapping[str, str]) -> FileChecks:
    """Say which file each object names, and which objects name none that is there, `keys` being the files'."""
    checks = FileChecks()
    weak: Counter[str] = Counter()
    for each in facts.objects.values():
        if not each.binary or each.inline:
            continue
        weak[algorithm_named(each.algorithm) or ""] += 1
        if not each.digest:
            checks.findings.append(found("OBJECT_DIGEST_MISSING", each.place))
        elif algorithm_named(each.algorithm) is None:
            checks.findings.append(found("OBJECT_DIGEST_ALGORITHM", each.place, algorithm=each.algorithm[:80]))
        checks.findings += _claim(checks, each, prefix, keys)
    checks.findings += [
        found("OBJECT_DIGEST_WEAK", "manifest.xml", algorithm=name) for name in sorted(WEAK & weak.keys())
    ]
    return checks


def _claim(checks: FileChecks, each: ObjectFacts, prefix: str, keys: Mapping[str, str]) -> Iterator[LocalFinding]:
    if not each.uri:
        yield found("OBJECT_URI_EMPTY", each.place)
        return
    wanted = [key_of(prefix + spelling) for spelling in (each.uri, unquote(each.uri))]
    key = next((key for key in wanted if key in keys), None)
    if key is None:
        yield found("OBJECT_FILE_MISSING", each.place, uri=printable(each.uri))
    elif key in checks.claimed:
        yield found("OBJECT_FILE_SHARED", each.place, uri=printable(each.uri), other=checks.claimed[key].id)
    else:
        checks.claimed[key] = each


def _differences(each: ObjectFacts, size: int, algorithm: str | None, measured: str) -> Iterator[LocalFinding]:
    if each.size is not None and each.size.isdecimal() and int(each.size[:20]) != size:
        yield found("OBJECT_SIZE_MISMATCH", each.place, declared=each.size[:20], measured=size)
    if algorithm is None or not each.digest:
        return
    declared = _hexadecimal(each.digest, len(measured) // 2)
    if declared is None:
        yield found("OBJECT_DIGEST_UNREADABLE", each.place, algorithm=algorithm)
    elif declared != measured:
        yield found("OBJECT_DIGEST_MISMATCH", each.place, algorithm=algorithm, measured=measured)


def algorithm_named(written: str) -> str | None:
    """Return the usual name of an algorithm, whatever way it is written (SHA512, an XML Encryption URI…)."""
    return ALGORITHMS.get(re.sub(r"[-_ .]", "", re.split(r"[#/:]", written.strip().lower())[-1]))


def _hexadecimal(written: str, length: int) -> str | None:
    compact = "".join(written.split())
    if re.fullmatch(rf"[0-9A-Fa-f]{{{2 * length}}}", compact):
        return compact.lower()
    try:
        decoded = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.hex() if len(decoded) == length else None
