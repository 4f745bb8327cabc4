"""What keeps a document closed."""

from enum import StrEnum


class Lock(StrEnum):
    """Nothing, a protection a document may open in spite of, or a password or certificate it needs."""

    NONE = "none"
    PROTECTED = "protected"
    LOCKED = "locked"
