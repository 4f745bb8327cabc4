"""What the address of an endpoint may be, before anybody looks where it leads."""

from urllib.parse import urlsplit

from services.admin.domain.faults import Fault

LONGEST = 2000
_REFUSED = frozenset(' \\#<>"^`{|}')


def url_fault(url: str, *, plain: bool) -> Fault | None:
    """An endpoint is an HTTPS address without name, password or fragment; `plain`: HTTP is taken too."""
    if _is_address(url, ("https", "http") if plain else ("https",)):
        return None
    scheme = "http(s)" if plain else "https"
    return Fault(
        "url",
        "invalid_url",
        f"L'adresse d'un webhook est {scheme}://hôte/…, sans nom, mot de passe, fragment ni espace, en ASCII ; "
        f"{LONGEST} caractères au plus.",
        f"The address of a webhook is {scheme}://host/…, without a name, password, fragment or space, in ASCII; "
        f"{LONGEST} characters at most.",
    )


def address_fault() -> Fault:
    """Return what is said of an address that leads to where no webhook may go."""
    return Fault(
        "url",
        "address_refused",
        "Cette adresse mène à un réseau privé, local ou réservé : aucun webhook n'y est envoyé.",
        "This address leads to a private, local or reserved network: no webhook goes there.",
    )


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    # One reading for all: what `urllib` and the client that connects could read differently is refused.
    if not (url.isascii() and url.isprintable()) or len(url) > LONGEST or _REFUSED & set(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def host_and_port(url: str) -> tuple[str, int]:
    """Return where an address leads, as asked of a name server."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
