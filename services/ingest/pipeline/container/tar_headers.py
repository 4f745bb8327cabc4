"""TAR header blocks: POSIX ustar and pax, GNU long names and large numbers. Pure functions on bytes.

Norm: POSIX.1-2017, pax (ustar and pax interchange formats); GNU tar manual, "Basic Tar Format".
"""

from dataclasses import dataclass

from services.ingest.pipeline.container.entries import EntryKind
from services.ingest.pipeline.container.faults import ContainerFault, corrupt

BLOCK = 512
MAX_PAX_RECORDS = 1000
"""Of one entry: its own fields, and the extended attributes that some writers add."""

_ASCII = bytes(range(128))
_KINDS = {
    **dict.fromkeys((0, ord("0"), ord("7")), EntryKind.FILE),
    ord("5"): EntryKind.FOLDER,
    ord("1"): EntryKind.LINK,
    ord("2"): EntryKind.LINK,
}


@dataclass(frozen=True, slots=True)
class TarHeader:
    """One header block: `flag` is its type as written, `size` the bytes that follow it."""

    name: str
    flag: int
    size: int

    @property
    def kind(self) -> EntryKind:
        """Return what the entry is; devices, pipes and the sparse files of GNU are special."""
        if self.name.endswith("/") and _KINDS.get(self.flag) is EntryKind.FILE:
            return EntryKind.FOLDER  # how TARs older than POSIX write folders
        return _KINDS.get(self.flag, EntryKind.SPECIAL)


def absurd() -> ContainerFault:
    """Return the fault of a TAR that says more of its entries than any writer would."""
    return corrupt("TAR metadata of an absurd length")


def looks_like_tar(block: bytes) -> bool:
    """Say whether `block` carries a right TAR checksum."""
    return len(block) == BLOCK and any(block) and _checksum_is_right(block)


def read_header(block: bytes) -> TarHeader:
    """Read one block. Raises `ContainerFault` when its checksum or its size is wrong."""
    if not _checksum_is_right(block):
        raise corrupt("wrong checksum in a TAR header")
    name = _text(block[0:100])
    # GNU tar keeps times where POSIX keeps the prefix, and says so in the magic.
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    size = _number(block[124:136])
    if size is None or size < 0:
        raise corrupt("unreadable size in a TAR header")
    return TarHeader(name, block[156], size)


def read_pax(records: bytes) -> list[tuple[str, str]]:
    """Read a pax extended header: ``length key=value`` lines, the last of a key counts.

    Raises `ContainerFault` when malformed, or of more than `MAX_PAX_RECORDS` lines.
    """
    values: list[tuple[str, str]] = []
    position = 0
    while position < len(records) and records[position]:
        length, _, _ = records[position : position + 20].partition(b" ")
        if not length.isdigit() or not len(length) + 3 <= int(length) <= len(records) - position:
            raise corrupt("malformed pax header")
        line = records[position + len(length) + 1 : position + int(length) - 1]
        key, equals, value = line.partition(b"=")
        if not equals:
            raise corrupt("malformed pax header")
        if len(values) == MAX_PAX_RECORDS:
            raise absurd()
        values.append((key.decode(errors="surrogateescape"), value.decode(errors="surrogateescape")))
        position += int(length)
    return values


def _checksum_is_right(block: bytes) -> bool:
    declared = _number(block[148:156])
    blank = block[:148] + b" " * 8 + block[156:]
    total = sum(blank)
    # Some old writers summed signed characters.
    return declared is not None and declared in {total, total - 256 * len(blank.translate(None, _ASCII))}


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")


def _number(field: bytes) -> int | None:
    """Read octal digits, or GNU's base 256 (first byte 80 or FF); None when neither."""
    if field[0] in {0x80, 0xFF}:
        value = int.from_bytes(field[1:], "big")
        return value if field[0] == 0x80 else value - (1 << 8 * (len(field) - 1))
    digits = field.partition(b"\0")[0].strip(b" ")
    if digits.strip(b"01234567"):
        return None
    return int(digits or b"0", 8)
