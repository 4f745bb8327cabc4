"""What slows down those who ask for tokens: an address that asks often, and guesses at a secret."""

from dataclasses import dataclass

from shared.rates import Turnstile

_NAMED = 64
"""Characters of a client id that we count under: all that a true one has, and never a body full."""


@dataclass(frozen=True, slots=True)
class TokenDoor:
    """Two turnstiles, in this process.

    Wrong secrets count for a client and an address together: a stranger who guesses from elsewhere keeps nobody
    from his own secret.
    """

    requests: Turnstile
    wrong_secrets: Turnstile

    def admit(self, address: str) -> None:
        """Count a request of an address. Raises a 429 `Problem`."""
        self.requests.admit(address)

    def let_guess(self, client_id: str, address: str) -> None:
        """Raise a 429 `Problem` when too many secrets shown from here for this client were wrong."""
        self.wrong_secrets.require(_pair(client_id, address))

    def note_wrong(self, client_id: str, address: str) -> None:
        """Count a wrong secret."""
        self.wrong_secrets.count(_pair(client_id, address))


def _pair(client_id: str, address: str) -> str:
    return f"{client_id[:_NAMED]} {address}"
