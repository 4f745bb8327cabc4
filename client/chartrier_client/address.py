"""The address of an archive: a scheme, a machine, a port and a path, and nothing secret."""

import httpx

from chartrier_client.language import Text


def fault_of(url: str) -> Text | None:
    """Return what is wrong with an address, None where nothing is; the address itself is never told again.

    Somebody may have written a password into it, which belongs in no message, no history and no list of processes.
    """
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return Text("ce n'est pas une adresse", "this is no address")
    if parts.userinfo or "@" in url:
        return Text(
            "un nom ou un mot de passe n'y a pas sa place : ils vont dans client_id et client_secret",
            "a name or a password has no place in it: they go into client_id and client_secret",
        )
    if parts.scheme not in {"http", "https"}:
        return Text("une adresse commence par https:// ou http://", "an address begins with https:// or http://")
    if not parts.host or "%" in parts.host or url != url.strip():
        return Text("aucune machine n'y est nommée comme il faut", "no machine is rightly named in it")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return Text(
            "une adresse finit par un chemin, sans «?» ni «#»", "an address ends with a path, without «?» or «#»"
        )
    return (
        None
        if parts.port is None or 0 < parts.port < 1 << 16
        else Text("le port n'existe pas", "there is no such port")
    )
