"""Read a dictionary and a string of a PDF, no more of it than its encryption needs.

Norm: ISO 32000-2, 7.2 (lexical conventions), 7.3 (objects).
"""

import mmap
import re
from typing import Final

Value = int | str | bytes

# An encryption dictionary has some 500 bytes, those with certificates some kilobytes.
_LONGEST: Final = 64 * 1024
_TOKEN = re.compile(
    rb"(?P<space>[\x00\t\n\f\r ]+|%[^\r\n]*)|(?P<open><<|\[)|(?P<close>>>|\])|(?P<string>[(<])"
    rb"|/(?P<name>[^\x00\t\n\f\r ()<>\[\]{}/%]{0,127})|(?P<word>[^\x00\t\n\f\r ()<>\[\]{}/%]{1,127})"
)
_NUMBER = re.compile(rb"[+-]?[0-9]{1,18}")
_HEX = re.compile(rb"<([0-9A-Fa-f\x00\t\n\f\r ]*)>")
_PIECE = re.compile(rb"\\([0-7]{1,3})|\\(\r\n|[\s\S])|(\r\n?)|([()])|([^\\\r()]+)")
_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def read_dictionary(content: "mmap.mmap | bytes", start: int) -> dict[str, Value]:
    """Return the names, numbers, words and strings that the dictionary at `start` holds itself, not deeper.

    Names without their slash, words (true, null) as texts. What is no dictionary, or a broken one, is as far as read.
    """
    text = content[start : start + _LONGEST]
    entries: dict[str, Value] = {}
    key: str | None = None
    depth = position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        depth += (match["open"] is not None) - (match["close"] is not None)
        value = None
        if match["string"] is not None:
            value, position = _string(text, match.start())
        if match["close"] is not None and depth <= 0:
            break
        if match["space"] is None:
            key = _enter(entries, key, match, value) if depth == 1 else None
    return entries


def _enter(entries: dict[str, Value], key: str | None, match: re.Match[bytes], string: bytes | None) -> str | None:
    """Put one token of the dictionary where it belongs; return the key that waits for the next."""
    name = match["name"]
    if key is None:
        return None if name is None else name.decode("latin-1")
    if name is not None:
        entries.setdefault(key, name.decode("latin-1"))
    elif string is not None:
        entries.setdefault(key, string)
    elif match["word"] is not None:
        entries.setdefault(key, _word(match["word"]))
    return None


def _word(word: bytes) -> Value:
    digits = word.lstrip(b"+-")
    return (
        int(word) if digits.isdigit() and len(word) - len(digits) <= 1 and len(word) < 20 else word.decode("latin-1")
    )


def read_string(content: bytes, start: int) -> bytes | None:
    """Return the string that starts at `start`, None when there is none, or no end of it."""
    return _string(content, start)[0]


def _string(text: bytes, start: int) -> tuple[bytes | None, int]:
    """Return the string at `start` and the place behind it."""
    match = _HEX.match(text, start)
    if match is not None:
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", match[1])
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()), match.end()
    return _literal(text, start) if text[start : start + 1] == b"(" else (None, start + 1)


def _literal(text: bytes, start: int) -> tuple[bytes | None, int]:
    out, depth, position = bytearray(), 1, start + 1
    while depth and (match := _PIECE.match(text, position)):
        position = match.end()
        octal, escaped, line, parenthesis, plain = match.groups()
        depth += (parenthesis == b"(") - (parenthesis == b")")
        if octal is not None:
            out.append(int(octal, 8) & 0xFF)
        elif escaped is not None:
            out += b"" if escaped in {b"\n", b"\r", b"\r\n"} else _ESCAPED.get(escaped, escaped)
        elif depth:
            out += b"\n" if line is not None else parenthesis or plain or b""
    return (None if depth else bytes(out)), position
