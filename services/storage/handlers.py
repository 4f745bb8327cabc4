"""What storage does when it hears something: takes AIPs and records in, to be copied by its workers."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

import rfc8785

from services.storage.domain.holdings import CopyKey, HoldingKey
from services.storage.domain.keys import aip_key, record_key
from services.storage.queries import holdings
from services.storage.queries import sites as site_states
from shared.checksums import sha512_of
from shared.messages.admin import AgreementPublishedV1, OrganisationChangedV1, ProfilePublishedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.message import Message
from shared.messaging.lease import Lane, Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

WRITE = "write"
"""Write one copy of a holding to one site."""

VERIFY = "verify"
"""Read one copy back from its site, by another task than its writer."""

REWRITE = "rewrite"
"""Write the version of an AIP that is to replace it; the key is the order, whose content is in the payload."""

UNSTAGE = "unstage"
"""Remove from staging a version that was made here, and is on every site; the key is its own there."""

FETCH = "fetch_profile"
"""Ask admin for an approved profile, to keep it as a record."""

FEWEST = 2
"""Sites that each holding stands on, at least."""

LARGE_FROM = 8 * 1024**2
"""Bytes from which a holding is large: its copies have buffers of their own, up to 32 MiB each."""

Handle = Callable[[Transaction, Any], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A holding to take in: its row, and the message that announces it."""

    values: Mapping[str, Any]
    cause: UUID | None


def work_key(holding: UUID, version: int, site: str) -> str:
    """Name the work on one copy."""
    return f"{holding}/{version}/{site}"


def copy_key(key: str) -> CopyKey:
    """Return the copy that work is about, by its key."""
    holding, version, site = key.split("/", 2)
    return UUID(holding), int(version), site


def lane_of(size: int) -> Lane:
    """Say whose hands copy so many bytes."""
    return Lane.LARGE if size >= LARGE_FROM else Lane.USUAL


def take_aips(sites: Sequence[str]) -> Handle:
    """Return the handler that takes AIPs in, to be copied to `sites`."""

    async def handle(tx: Transaction, messages: Sequence[AipBuiltV1]) -> None:
        firsts: dict[UUID, AipBuiltV1] = {}
        for message in messages:
            firsts.setdefault(message.aip_id, message)
        arrivals = [Arrival(_aip_values(message, 1), message.message_id) for message in firsts.values()]
        taken = await take_in(tx, arrivals, sites)
        for message in messages:
            if firsts[message.aip_id] is not message or (message.aip_id, 1) not in taken:
                await _take_again(tx, message, sites)

    return handle


async def _take_again(tx: Transaction, message: AipBuiltV1, sites: Sequence[str]) -> None:
    """Take an AIP that was announced before: a new version if the last was refused, else nothing.

    Raises `Rejected` when the announcements contradict each other.
    """
    known = await holdings.newest(tx.connection, message.aip_id, lock=True)
    if known is None or known.sha512 != message.sha512:
        raise Rejected(f"AIP {message.aip_id} was announced before with other bytes")
    if known.state == "refused":
        await take_in(tx, [Arrival(_aip_values(message, known.version + 1), message.message_id)], sites)


def _aip_values(message: AipBuiltV1, version: int) -> dict[str, Any]:
    return {
        "id": message.aip_id,
        "version": version,
        "kind": "aip",
        "establishment": message.establishment,
        "key": aip_key(message.establishment, message.aip_id, version),
        "sha512": message.sha512,
        "size": message.size,
        "facts": {
            "transfer_id": str(message.transfer_id),
            "staging_key": message.staging_key,
            "catalogue": message.catalogue.model_dump(),
        },
    }


def take_agreements(sites: Sequence[str]) -> Handle:
    """Return the handler that keeps each version of an agreement as a record."""

    async def handle(tx: Transaction, messages: Sequence[AgreementPublishedV1]) -> None:
        await take_in(tx, [_agreement_record(message) for message in messages], sites)

    return handle


def _agreement_record(message: AgreementPublishedV1) -> Arrival:
    agreement = message.agreement
    key = record_key(agreement.establishment, "agreement", agreement.id, agreement.version)
    return record(message, (agreement.id, agreement.version, agreement.establishment, key))


def take_organisations(sites: Sequence[str]) -> Handle:
    """Return the handler that keeps each version of an organisation as a record."""

    async def handle(tx: Transaction, messages: Sequence[OrganisationChangedV1]) -> None:
        await take_in(tx, [_organisation_record(message) for message in messages], sites)

    return handle


def _organisation_record(message: OrganisationChangedV1) -> Arrival:
    # An establishment leaves with its own records; the other organisations are the platform's.
    owner = message.organisation if message.kind == "establishment" else None
    key = record_key(owner, "organisation", message.organisation, message.version)
    return record(message, (message.organisation, message.version, owner, key))


def take_profiles(sites: Sequence[str]) -> Handle:
    """Return the handler that keeps what becomes of each version of an archival profile as a record.

    That of its approval holds the profile itself, which admin is asked for first (`services.storage.profiles`).
    """

    async def handle(tx: Transaction, messages: Sequence[ProfilePublishedV1]) -> None:
        withdrawn = [one for one in messages if one.state == "withdrawn"]
        await take_records(tx, [profile_record(message, {}) for message in withdrawn], sites)
        pieces = (
            Piece(str(one.reference.id), {"message": one.model_dump(mode="json")}, cause=one.message_id)
            for one in messages
            if one.state == "approved"
        )
        await enqueue(tx, FETCH, *pieces)

    return handle


def profile_record(message: ProfilePublishedV1, more: Mapping[str, str]) -> Arrival:
    """Return the record of a message about a profile, with `more` beside the message."""
    version_id, revision, owner = message.reference.id, message.revision, message.establishment
    key = record_key(owner, "profile", version_id, revision)
    return record(message, (version_id, revision, owner, key), more)


def record(
    message: Message, named: tuple[UUID, int, UUID | None, str], more: Mapping[str, str] = MappingProxyType({})
) -> Arrival:
    """Return the record of a message: `named` is its id, version, owner (None: the platform) and key."""
    holding_id, version, owner, key = named
    body = rfc8785.dumps({"topic": message.topic, "fact": message.model_dump(mode="json"), **more})
    values = {
        "id": holding_id,
        "version": version,
        "kind": "record",
        "establishment": owner,
        "key": key,
        "sha512": sha512_of(body),
        "size": len(body),
        "facts": {"body": body.decode()},
    }
    return Arrival(values, message.message_id)


async def take_records(tx: Transaction, arrivals: Sequence[Arrival], sites: Sequence[str]) -> None:
    """Take records in, to be written to each site; one that is there already changes nothing."""
    if arrivals:
        await take_in(tx, arrivals, sites)


async def take_in(tx: Transaction, arrivals: Sequence[Arrival], sites: Sequence[str]) -> set[HoldingKey]:
    """Take in what is not there yet, to be written to each site; return what that was.

    `sites` are those that this process knows, and what is taken in counts as stored once it is on these. What else
    takes part (a site declared since, or one that is no longer declared) gets its copy too: by hands apart, so that
    deposits wait neither for it nor behind it.
    """
    ours, others = await site_states.taking(tx.connection, sites)
    if len(ours) < FEWEST:
        raise TryAgain(f"only {len(ours)} of the sites take new copies")
    added = await holdings.add_holdings(tx.connection, [arrival.values for arrival in arrivals], [*ours, *others])
    new = [arrival for arrival in arrivals if (arrival.values["id"], arrival.values["version"]) in added]
    pieces = [_copying(arrival, site) for arrival in new for site in ours]
    beside = [
        replace(_copying(arrival, site), owner=owner_of(site), lane=Lane.BACKGROUND)
        for arrival in new
        for site in others
    ]
    await enqueue(tx, WRITE, *pieces, *beside)
    return added


async def take_once(tx: Transaction, arrivals: Sequence[Arrival], sites: Sequence[str]) -> None:
    """Take in what is announced once, and may be told of again. Raises `Rejected` where other bytes stand there."""
    taken = await take_in(tx, arrivals, sites)
    again = {(one.values["id"], one.values["version"]): one.values for one in arrivals}
    again = {key: values for key, values in again.items() if key not in taken}
    known = await holdings.lock_holdings(tx.connection, list(again)) if again else {}
    for key, values in again.items():
        if known[key].sha512 != values["sha512"]:
            raise Rejected(f"{values['key']} was announced with other bytes")


def owner_of(site: str) -> str:
    """Name the owner of work that a site as a whole is owed: it takes turns with the repairs of establishments."""
    return f"site:{site}"


def _copying(arrival: Arrival, site: str) -> Piece:
    holding = arrival.values
    return Piece(
        work_key(holding["id"], holding["version"], site),
        cause=arrival.cause,
        owner=str(holding["establishment"] or ""),
        lane=lane_of(holding["size"]),
    )
