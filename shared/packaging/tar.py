"""Write POSIX pax archives whose bytes depend on names, sizes, contents and one time only.

POSIX.1-2017, *pax*, "ustar Interchange Format" and "pax Extended Header". We write the 512-byte headers
ourselves because the standard library's have changed between Python versions, and an AIP begun by one
worker must come out the same from another.
"""

import hashlib
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

BLOCK = 512
CHUNK = 1024 * 1024

_MAX_NAME = 100
_MAX_PREFIX = 155
_MAX_OCTAL_SIZE = 0o77777777777  # eleven octal digits: 8 GiB less one byte
_REGULAR, _EXTENDED = b"0", b"x"
# Below this, handing the bytes to a thread costs more than hashing them.
_WORTH_A_THREAD = 64 * 1024
# How many chunks the thread may lag behind: on a busy machine it is not always woken at once.
_LAG = 8


def entry_length(name: str, size: int) -> tuple[int, int]:
    """Return the length of the headers of an entry and that of its padded contents."""
    return len(entry_header(name, size, 0)), _padded(size)


def entry_header(name: str, size: int, mtime: int) -> bytes:
    """Return the header blocks of a regular file: ustar when that suffices, else with a pax header before."""
    split = _split(name)
    records = {}
    if split is None:
        records["path"] = name
    if size > _MAX_OCTAL_SIZE:
        records["size"] = str(size)
    prefix, short = split or (b"", name.encode("ascii", "replace").replace(b"?", b"_")[:_MAX_NAME])
    ustar = _block(prefix, short, size if size <= _MAX_OCTAL_SIZE else 0, mtime, _REGULAR)
    return _extended(name, records, mtime) + ustar if records else ustar


def _split(name: str) -> tuple[bytes, bytes] | None:
    """Return the ustar prefix and name that spell `name`, or None when only a pax header can."""
    if not name.isascii():
        return None
    text = name.encode()
    if len(text) <= _MAX_NAME:
        return b"", text
    cut = text.rfind(b"/", 0, _MAX_PREFIX + 1)
    if cut <= 0 or not 0 < len(text) - cut - 1 <= _MAX_NAME:
        return None
    return text[:cut], text[cut + 1 :]


def _extended(name: str, records: dict[str, str], mtime: int) -> bytes:
    body = b"".join(_record(key, value) for key, value in records.items())
    # A reader without pax would unpack this as a file: keep it inside the root folder.
    root = name.partition("/")[0].encode("ascii", "replace")[:80]
    header = _block(b"", root + b"/PaxHeader", len(body), mtime, _EXTENDED)
    return header + body + bytes(_padded(len(body)) - len(body))


def _record(key: str, value: str) -> bytes:
    r"""Return ``length key=value\n``, where the length counts its own digits."""
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _block(prefix: bytes, name: bytes, size: int, mtime: int, kind: bytes) -> bytes:
    before = name.ljust(_MAX_NAME, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0%011o\0" % (size, mtime)
    after = kind + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + prefix.ljust(_MAX_PREFIX, b"\0")
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return before + b"%06o\0 " % checksum + after + bytes(12)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


class TarWriter:
    """Writes entries one after another to `out`; knows its position and the SHA-512 of what it wrote.

    The digest runs in a second thread, so that a large file costs one hashing and not two.
    Use it as a context manager.
    """

    def __init__(self, out: BinaryIO, mtime: int) -> None:
        self._out = out
        self._mtime = mtime
        self._digest = hashlib.sha512()
        self._pool = ThreadPoolExecutor(1)
        self._pending: deque[Future[None]] = deque()
        self.position = 0

    def __enter__(self) -> "TarWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> int:
        """Write one entry and return the position of its first byte; raise unless it has `size` bytes."""
        self._write(entry_header(name, size, self._mtime))
        start = self.position
        for chunk in chunks:
            self._write(chunk)
        if self.position - start != size:
            raise ValueError(f"{name}: {size} bytes announced, {self.position - start} written")
        self._write(bytes(_padded(size) - size))
        return start

    def finish(self) -> str:
        """Write the two empty blocks that end an archive and return the SHA-512 of the whole, in hex."""
        self._write(bytes(2 * BLOCK))
        self._settle(0)
        return self._digest.hexdigest()

    def _write(self, data: bytes) -> None:
        if len(data) < _WORTH_A_THREAD:
            self._settle(0)
            self._digest.update(data)
        else:
            self._pending.append(self._pool.submit(self._digest.update, data))
            self._settle(_LAG)
        self._out.write(data)
        self.position += len(data)

    def _settle(self, lag: int) -> None:
        while len(self._pending) > lag:
            self._pending.popleft().result()
