"""What an archive answers, as small records; `body` keeps the whole JSON for what they leave aside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chartrier_client.errors import Finding, UnexpectedAnswer, findings_from
from chartrier_client.language import Text

Json = Mapping[str, Any]

FINAL_STATES = frozenset({"accepted", "rejected", "judged"})
FINAL_DIP_STATES = frozenset({"ready", "failed"})


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where a deposit stands; `accepted`, `rejected` and (a dry run) `judged` are final.

    `verdict` says of a dry run that is judged what would become of the package: `acceptable` or `refused`.
    """

    id: str
    state: str
    findings: tuple[Finding, ...]
    message_identifier: str | None
    aip_id: str | None
    body: Json = field(repr=False, compare=False)
    verdict: str | None = None

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing but its verdict is kept."""
        return self.body.get("dry_run") is True

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to this deposit."""
        return self.state in FINAL_STATES


@dataclass(frozen=True, slots=True)
class ArchivedObject:
    """One file of an archive unit; `digest` is its SHA-512 in hexadecimal."""

    id: str
    filename: str | None
    size: int | None
    format: str | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class ArchivedUnit:
    """One archive unit as the catalogue describes it."""

    id: str
    title: str
    level: str | None
    start_date: str | None
    end_date: str | None
    establishment: str | None
    objects: tuple[ArchivedObject, ...]
    body: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of an AIP: on which site, where that site says it is, and when it was last verified."""

    site: str
    place: str
    state: str
    sha512: str | None
    verified_at: str | None
    body: Json = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list; `next` are the parameters that ask for more, None at the end."""

    items: tuple[Json, ...]
    next: Mapping[str, str | int] | None


@dataclass(frozen=True, slots=True)
class Dip:
    """An order for archives; `digest` and `size` are known once it is ready."""

    id: str
    state: str
    size: int | None
    digest: str | None
    body: Json = field(repr=False, compare=False)

    @property
    def is_final(self) -> bool:
        """Whether the order is ready or has failed."""
        return self.state in FINAL_DIP_STATES


def text(body: Json, name: str) -> str:
    """Return a field that must be there, as text."""
    if body.get(name) is None:
        raise UnexpectedAnswer(
            Text(f"la réponse n'a pas de «{name}» : {sorted(body)}", f"the answer has no «{name}»: {sorted(body)}")
        )
    return str(body[name])


def rows(body: Json, name: str) -> list[Json]:
    """Return a list of objects that must be there."""
    value = body.get(name)
    if not isinstance(value, list):
        raise UnexpectedAnswer(
            Text(
                f"la réponse n'a pas de liste «{name}» : {sorted(body)}",
                f"the answer has no list of «{name}»: {sorted(body)}",
            )
        )
    return value


def transfer_from(body: Json) -> Transfer:
    """Read a transfer; fields this client does not know stay in `body`."""
    return Transfer(
        text(body, "id"),
        text(body, "state"),
        findings_from(body.get("findings")),
        body.get("message_identifier"),
        body.get("aip_id"),
        body,
        body.get("verdict"),
    )


def unit_from(body: Json) -> ArchivedUnit:
    """Read a unit, from a search or on its own."""
    return ArchivedUnit(
        text(body, "id"),
        str(body.get("title") or ""),
        body.get("level"),
        body.get("start_date"),
        body.get("end_date"),
        body.get("establishment"),
        tuple(
            ArchivedObject(
                text(row, "id"), row.get("filename"), row.get("size"), row.get("format"), row.get("digest")
            )
            for row in body.get("objects") or ()
        ),
        body,
    )


def copy_from(body: Json) -> Copy:
    """Read one row of an AIP's copy map."""
    return Copy(
        text(body, "site"),
        str(body.get("place") or ""),
        text(body, "state"),
        body.get("sha512"),
        body.get("verified_at"),
        body,
    )


def dip_from(body: Json) -> Dip:
    """Read an order for archives."""
    return Dip(text(body, "id"), text(body, "state"), body.get("size"), body.get("digest"), body)
