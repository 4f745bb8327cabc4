"""How objects are called on every site, for ever.

    <establishment>/aips/<last two digits of the AIP's id>/<AIP's id>-v<version>.tar
    <establishment>/records/<kind>/<id>/<version>.json
    <establishment>/journals/<kind>/<first line>-<last line>.ndjson
    platform/proof/<kind>s/<number>.<jws or tar>

The establishment comes first, so that it can leave by prefix. The AIP's last digits are random where its
first ones are a date: folders of AIPs fill evenly, a 256th of an establishment's each. Those of records do not:
`records/<kind>/` has a folder for each record (each transfer decided on, say), `journals/<kind>/` a file for each
container, and both grow for as long as the archive takes something in. Keys are for ever, so this stays; what lists
such a folder has a part of its names in memory at a time.
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


def journal_key(establishment: UUID | None, kind: str, first: int, last: int) -> str:
    """Name a container of a journal's lines, numbers in 16 digits: the order of keys is that of the lines.

    More digits than any number has that JSON can carry (2⁵³ − 1). The platform's own lie under `platform`.
    """
    if not _KIND.fullmatch(kind):
        raise UnnamableError(f"not a kind of journal: {kind!r}")
    if not 1 <= first <= last:
        raise UnnamableError(f"no lines from {first} to {last}")
    return f"{establishment or 'platform'}/journals/{kind}/{first:016}-{last:016}.ndjson"


PROOFS = {"anchor": "jws", "seal": "tar", "renewal": "tar"}
"""What proof makes, and as what kind of file."""


def proof_key(kind: str, number: int) -> str:
    """Name an anchor, a seal or a renewal, its number in 16 digits. They are the platform's."""
    if kind not in PROOFS:
        raise UnnamableError(f"not a kind of proof: {kind!r}")
    return f"platform/proof/{kind}s/{_counted(number):016}.{PROOFS[kind]}"
