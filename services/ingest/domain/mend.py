"""What a depositor does about a finding, and where the rule behind it is written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mend:
    """What to do in French and in English, with the finding's own parameters between braces.

    `source` names the clause that asks for it, None where the rule is this archive's own.
    """

    fr: str
    en: str
    source: str | None = None
