"""How objects are called on every site, for ever.

    <establishment>/aips/<last two digits of the AIP's id>/<AIP's id>-v<version>.tar
    <establishment>/records/<kind>/<id>/<version>.json

The establishment comes first, so that it can leave by prefix. The AIP's last digits are random where its
first ones are a date: folders fill evenly, and none grows without end.
"""

import re
from uuid import UUID

_KIND = re.compile(r"[a-z]+(-[a-z]+)*")


class UnnamableError(ValueError):
    """These facts cannot make a key: the caller has mistaken them."""


def aip_key(establishment: UUID, aip_id: UUID, version: int) -> str:
    """Name one version of an AIP."""
    return f"{establishment}/aips/{aip_id.hex[-2:]}/{aip_id}-v{_counted(version)}.tar"


def record_key(establishment: UUID | None, kind: str, record_id: UUID, version: int) -> str:
    """Name one version of a record; `kind` is a word of the glossary, such as `agreement` or `filing-plan`.

    A record of no establishment in particular (the archival policy, say) lies under `platform`.
    """
    if not _KIND.fullmatch(kind):
        raise UnnamableError(f"not a kind of record: {kind!r}")
    return f"{establishment or 'platform'}/records/{kind}/{record_id}/{_counted(version)}.json"


def _counted(version: int) -> int:
    if version < 1:
        raise UnnamableError(f"versions count from 1, not {version}")
    return version
