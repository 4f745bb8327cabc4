"""The ``Range`` header (RFC 9110, section 14): one range of bytes, or the whole."""

import re

# No size has more digits; and Python refuses to read numbers of thousands of them.
_ONE_RANGE = re.compile(r"bytes=([0-9]{0,20})-([0-9]{0,20})", re.IGNORECASE)


class UnsatisfiableRange(Exception):
    """The range lies wholly outside: a 416."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (offset, length) of the one range asked for; None when the whole is to be sent.

    Several ranges, other units and malformed headers ask for nothing we must honour: the whole.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip(" \t"))
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        return _last(int(match[2]), size)
    start = int(match[1])
    end = min(int(match[2]) if match[2] else size - 1, size - 1)
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise UnsatisfiableRange
    return start, end - start + 1


def _last(length: int, size: int) -> tuple[int, int] | None:
    if length == 0:
        raise UnsatisfiableRange
    # The last bytes of nothing are the whole, and no 206 can say so.
    return None if size == 0 else (max(0, size - length), min(length, size))
