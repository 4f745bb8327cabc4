"""Why there is no time-stamp.

NotStamped              by this authority; the next one is asked
├── AuthorityAway       no answer, too late, or no HTTP answer of any use
├── AuthorityRefused    it answered that it will not
└── WrongToken          it answered something that must not be kept
NobodyStamps            by none of them: tried again later
"""

from shared.messaging.outcome import TryAgain


class NotStamped(Exception):
    """This authority gave no time-stamp; the text is ours, and names the reason."""

    outcome = "wrong"


class AuthorityAway(NotStamped):
    """It did not answer, or not in time, or nothing that is an answer at all."""

    outcome = "away"


class AuthorityRefused(NotStamped):
    """It says that it will not stamp."""

    outcome = "refused"


class WrongToken(NotStamped):
    """What it gave is not a time-stamp of what was asked, by whom it should be, at the time that it is."""


class NobodyStamps(TryAgain):
    """No authority gave a time-stamp; a later request may succeed."""


UNREADABLE: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    RecursionError,
    OverflowError,
    NotImplementedError,
)
"""What asn1crypto, and pyHanko on top of it, may raise of bytes that others wrote."""
