"""What is wrong with a profile that somebody made, for people."""

from dataclasses import dataclass


# Not frozen: whoever raises an exception on sets its traceback.
@dataclass
class ProfileFault(Exception):
    """A profile cannot be taken: `code` is stable; `document`, `line` and `column` say where, as far as is known."""

    code: str
    fr: str
    en: str
    document: str = ""
    line: int | None = None
    column: int | None = None
