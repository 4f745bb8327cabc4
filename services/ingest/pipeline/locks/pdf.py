"""Whether an encrypted PDF opens without a password: the empty one is tried, as every reader does.

Norm: ISO 32000-2, 7.6 (encryption), 7.6.4.3 and 7.6.4.4 (algorithms 2, 2.A, 2.B, 4, 5, 6 and 11).
"""

import hashlib
import mmap
import re
from collections import deque
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from services.ingest.pipeline.locks.ciphers import md5, rc4
from services.ingest.pipeline.locks.lock import Lock
from services.ingest.pipeline.locks.pdf_objects import Value, read_dictionary, read_string

_ENCRYPT = re.compile(rb"/Encrypt\s{0,64}(?:(?P<number>\d{1,10})\s{1,64}(?P<generation>\d{1,5})\s{1,64}R|(?=<<))")
_ID = re.compile(rb"/ID\s{0,64}\[\s{0,64}(?=[(<])")
_AROUND: Final = 4096
_PAD: Final = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_SHA2: Final = (hashlib.sha256, hashlib.sha384, hashlib.sha512)


def pdf_lock(content: mmap.mmap) -> Lock:
    """Return what keeps a PDF; `content` may lack its middle. What cannot be told is PROTECTED."""
    match = _last(_ENCRYPT, content)
    if match is None:
        return Lock.NONE
    start = match.end() if match["number"] is None else _object(content, match["number"], match["generation"])
    entries = {} if start is None else read_dictionary(content, start)
    handler = entries.get("Filter")
    if isinstance(handler, str) and handler != "Standard":
        return Lock.LOCKED  # certificates, or some vendor's handler: never a reader's to open
    opens = _opens(entries, _identifier(content, match.start()))
    return Lock.LOCKED if opens is False else Lock.PROTECTED


def _object(content: mmap.mmap, number: bytes, generation: bytes) -> int | None:
    match = _last(re.compile(rb"(?<!\d)%s\s{1,64}%s\s{1,64}obj" % (number, generation)), content)
    return match and match.end()


def _last(pattern: re.Pattern[bytes], content: mmap.mmap) -> re.Match[bytes] | None:
    """Return the last match: an update of the file, which is written behind it, replaces what was before."""
    last = deque(pattern.finditer(content), maxlen=1)
    return last[0] if last else None


def _identifier(content: mmap.mmap, trailer: int) -> bytes | None:
    """Return the first half of the file's identifier, which stands in the same dictionary as Encrypt."""
    around = content[max(0, trailer - _AROUND) : trailer + _AROUND]
    match = _ID.search(around)
    return None if match is None else read_string(around, match.end())


def _opens(entries: Mapping[str, Value], identifier: bytes | None) -> bool | None:
    """Say whether the empty password is the user's, None when that cannot be told."""
    owner, user = entries.get("O"), entries.get("U")
    version, revision = entries.get("V"), entries.get("R")
    if not isinstance(owner, bytes) or not isinstance(user, bytes) or not isinstance(version, int):
        return None
    if version >= 4 and entries.get("StmF", "Identity") == "Identity":
        return None  # the pages are in the clear
    if revision in {5, 6} and len(user) >= 48:
        salt = user[32:40]
        digest = hashlib.sha256(salt).digest() if revision == 5 else _hardened(salt)
        return digest == user[:32]
    if revision in {2, 3, 4} and len(owner) == 32 and len(user) == 32 and identifier is not None:
        key = _key(entries, owner, identifier)
        return None if key is None else _is_user_key(key, revision == 2, user, identifier)
    return None


def _key(entries: Mapping[str, Value], owner: bytes, identifier: bytes) -> bytes | None:
    """Algorithm 2, of the empty password."""
    permissions, length = entries.get("P"), entries.get("Length", 40)
    if not isinstance(permissions, int) or not isinstance(length, int):
        return None
    version, revision = entries["V"], entries["R"]
    size = 5 if version == 1 or revision == 2 else 16 if version == 4 else length // 8
    if not 5 <= size <= 16:
        return None
    seed = _PAD + owner + (permissions & 0xFFFFFFFF).to_bytes(4, "little") + identifier
    if revision == 4 and entries.get("EncryptMetadata") == "false":
        seed += b"\xff\xff\xff\xff"
    key = md5(seed)[:size]
    for _ in range(0 if revision == 2 else 50):
        key = md5(key)[:size]
    return key


def _is_user_key(key: bytes, is_first: bool, user: bytes, identifier: bytes) -> bool:  # noqa: FBT001
    """Algorithms 4 (of the first revision) and 5."""
    if is_first:
        return rc4(key, _PAD) == user
    text = md5(_PAD + identifier)
    for turn in range(20):
        text = rc4(bytes(byte ^ turn for byte in key), text)
    return text == user[:16]


def _hardened(salt: bytes) -> bytes:
    """Algorithm 2.B, of the empty password: 64 turns at least, 288 at most."""
    key = hashlib.sha256(salt).digest()
    for turn in range(288):
        # CBC as the norm has it: a hardening of the hash, nothing is kept secret by it.
        encryptor = Cipher(algorithms.AES(key[:16]), modes.CBC(key[16:32])).encryptor()
        mixed = encryptor.update(key * 64)
        key = _SHA2[sum(mixed[:16]) % 3](mixed).digest()
        if turn >= 63 and mixed[-1] <= turn - 32:
            break
    return key[:32]
