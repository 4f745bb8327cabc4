"""Then the records: admin and ingest take back what each of them says, storage that it is there."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.admin import rebuilding as admin
from services.ingest import rebuilding as ingest
from services.rebuild import copies, gone
from services.rebuild.facts import LISTED, PURGED
from services.rebuild.house import House, TooLarge
from services.rebuild.journals import CONTAINER
from services.rebuild.naming import TOPICS, name_of
from services.rebuild.refusals import said_of
from services.rebuild.shelves import owners, shelf
from services.storage.domain.key_names import NamedContainer, NamedRecord, named_by
from services.storage.domain.rebuilt import Rebuilt
from services.storage.journals import journal_id
from services.storage.rebuilding import container_facts, record_facts
from shared.checksums import sha512_of
from shared.faults import fault_point
from shared.messages.admin import (
    AgreementPublishedV1,
    OrganisationChangedV1,
    ProfilePublishedV1,
    RulesPublishedV1,
    SigningKeyPublishedV1,
)
from shared.messages.ingest import TransferDecidedV1
from shared.messages.message import Message
from shared.messages.storage import AipPurgedV1
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version

FIRST_KINDS = ("organisation", "profile", "agreement")
"""What others speak of comes before them; among the other kinds there is no order, nor among versions."""

AT_ONCE = 16
"""Records read from the site at one time."""

CONTAINERS_AT_ONCE = 500
"""Containers that storage keeps in one transaction: they were read before."""

Listed = tuple[Version, NamedRecord]


@dataclass(frozen=True, slots=True)
class Body:
    """What a record says; `message` is None where a later release knows what it is."""

    message: Message | None
    content: Any


class NotTheRecord(Exception):
    """The bytes are not those that the write log tells of, or no record."""


async def rebuild_records(house: House) -> None:
    """Bring back what every record says."""
    async for owner in owners(house.store):
        for kind in FIRST_KINDS:
            await _rebuild_kind(house, f"{owner}/records/{kind}/", frozenset())
        await _rebuild_kind(house, f"{owner}/records/", frozenset(FIRST_KINDS))
    await _keep_containers(house)


async def _rebuild_kind(house: House, prefix: str, done: frozenset[str]) -> None:
    async for some in _batches(house, prefix, done):
        told = copies.told_of(house, [version.key for version, _ in some])
        there = [one for one in some if not gone.is_purged(house, one[0].key, told[one[0].key])]
        read = await asyncio.gather(*(_read(house, version, named, told[version.key]) for version, named in there))
        found = [one for one in read if one is not None]
        others = await copies.keep(house, [rebuilt for rebuilt, _ in found])
        for rebuilt, body in found:
            if rebuilt.key not in others:
                await _take(house, rebuilt.key, body)


async def _batches(house: House, prefix: str, done: frozenset[str]) -> AsyncIterator[list[Listed]]:
    some: list[Listed] = []
    async for version, named in _listed(house, prefix):
        if named.kind not in done:
            some.append((version, named))
        if len(some) == AT_ONCE:
            yield some
            some = []
    yield some


async def _listed(house: House, prefix: str) -> AsyncIterator[Listed]:
    """Yield the records of the site, then those that it hides."""
    async for version, named in shelf(house.store, prefix):
        if not isinstance(named, NamedRecord):
            house.report.fault("foreign_object", version.key, "no record is called so")
            continue
        house.scratch.see([version.key])
        yield version, named
    async for version in copies.hidden(house, prefix):
        if isinstance(named := named_by(version.key), NamedRecord):
            yield version, named


async def _read(house: House, version: Version, named: NamedRecord, told: gone.Told) -> tuple[Rebuilt, Body] | None:
    try:
        known = await copies.known(house, version, told)
        if known is None:
            return None
        content = await house.read(version.key, known.size, known.version_id)
        body = _body(content, known.sha512, named)
    except (NoSuchObject, TooLarge, NotTheRecord) as error:
        house.report.fault("record_unreadable", version.key, str(error))
        return None
    rebuilt = Rebuilt(
        id=named.id,
        version=named.version,
        kind="record",
        establishment=named.owner,
        key=version.key,
        sha512=known.sha512,
        size=known.size,
        facts=record_facts(content),
        stored_at=known.stored_at,
        copies=known.copies,
    )
    return rebuilt, body


def _body(content: bytes, sha512: str, named: NamedRecord) -> Body:
    if sha512_of(content) != sha512:
        raise NotTheRecord("its digest is not the one in the write log")
    try:
        body = json.loads(content.decode())
        kind = TOPICS.get(body["topic"])
        message = None if kind is None else kind.model_validate(body["fact"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotTheRecord(f"it is no record: {type(error).__name__}") from error
    if message is not None and name_of(message) != named:
        raise NotTheRecord("what it says is another record's: its key names another owner, kind, id or version")
    return Body(message, body.get("content"))


async def _take(house: House, key: str, body: Body) -> None:
    house.report.came("records")
    if body.message is None:
        # Kept by storage all the same: a later release knows what it says.
        house.report.came("records of other kinds")
        return
    try:
        await _TAKES[body.message.topic](house, body)
        fault_point("rebuild.records.kept")
    except DBAPIError as error:
        house.report.fault("record_contradicts", key, said_of(error))
    except NotTheRecord as error:
        house.report.fault("record_contradicts", key, str(error))


async def _organisation(house: House, body: Body) -> None:
    message = cast("OrganisationChangedV1", body.message)
    if not house.dry:
        await admin.take_organisation(house.rooms["admin"], message)


async def _agreement(house: House, body: Body) -> None:
    message = cast("AgreementPublishedV1", body.message)
    told = message.agreement
    author = _author(house, f"agreement:{told.id}", f"agreement.published {told.version}")
    listed = told.model_dump(mode="json", include={"profiles"})
    # A deposit names a profile as the version lists it under which it was made.
    house.scratch.note([(f"agreement:{told.id}", f"{LISTED} {told.version}", listed)])
    if not house.dry:
        await admin.take_agreement(house.rooms["admin"], message, author)
        await ingest.take_agreement(house.rooms["ingest"], message)


async def _profile(house: House, body: Body) -> None:
    message = cast("ProfilePublishedV1", body.message)
    told = message.reference
    try:
        content = None if body.content is None else base64.b64decode(body.content, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise NotTheRecord(f"its content is not base64: {error}") from error
    if content is not None and sha512_of(content) != told.sha512:
        raise NotTheRecord("its content is not the profile's")
    author = _author(house, f"profile:{told.profile}", f"profile.uploaded {told.version}")
    if not house.dry:
        await admin.take_profile(house.rooms["admin"], message, content, author)
        await ingest.take_profile(house.rooms["ingest"], message)


async def _rules(house: House, body: Body) -> None:
    message = cast("RulesPublishedV1", body.message)
    if not house.dry:
        await admin.take_rules(house.rooms["admin"], message)


async def _signing_key(house: House, body: Body) -> None:
    message = cast("SigningKeyPublishedV1", body.message)
    said = house.scratch.about([f"key:{message.kid}"])[f"key:{message.kid}"]
    retired, revoked = (_moment(said.get(f"signing_key.{what}")) for what in ("retired", "revoked"))
    if not house.dry:
        await admin.take_signing_key(house.rooms["admin"], message, retired=retired, revoked=revoked)


def _moment(said: Mapping[str, Any] | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said["occurred_at"])


async def _decision(house: House, body: Body) -> None:
    # The journal has who decided what; of the words there is but a digest.
    message = cast("TransferDecidedV1", body.message)
    house.scratch.note([(f"transfer:{message.transfer_id}", "decision", {"decision": message.decision})])


async def _purge(house: House, body: Body) -> None:
    message = cast("AipPurgedV1", body.message)
    # Asked for when deposits come back, and done once all AIPs have.
    told = message.model_dump(mode="json")
    gone.note_purge(house, message)
    house.scratch.note([(f"transfer:{message.transfer_id}", f"{PURGED} {message.order_id}", told)])


_TAKES: Mapping[str, Callable[[House, Body], Awaitable[None]]] = {
    OrganisationChangedV1.topic: _organisation,
    AgreementPublishedV1.topic: _agreement,
    ProfilePublishedV1.topic: _profile,
    RulesPublishedV1.topic: _rules,
    SigningKeyPublishedV1.topic: _signing_key,
    TransferDecidedV1.topic: _decision,
    AipPurgedV1.topic: _purge,
}


def _author(house: House, about: str, sort: str) -> admin.Author | None:
    said = house.scratch.about([about])[about].get(sort)
    return None if said is None else admin.Author(said["actor"], datetime.fromisoformat(said["occurred_at"]))


async def _keep_containers(house: House) -> None:
    """Have storage keep the containers that the journals came back from."""
    found: list[Rebuilt] = []
    for about, _, said in house.scratch.under(CONTAINER):
        found.append(await _container(house, about.removeprefix(CONTAINER), said))
        if len(found) == CONTAINERS_AT_ONCE:
            await copies.keep(house, found)
            found = []
    await copies.keep(house, found)


async def _container(house: House, key: str, said: Mapping[str, Any]) -> Rebuilt:
    named = cast("NamedContainer", named_by(key))
    told = copies.told_of(house, [key])[key]
    # What it is without a line was said when its lines were read.
    known = copies.as_logged(house, key, told) if copies.is_logged(told) else (await copies.measured(house, key))[0]
    return Rebuilt(
        id=UUID(int=journal_id(said["journal"]).int),
        version=said["number"],
        kind="journal",
        establishment=named.owner,
        key=key,
        sha512=said["sha512"],
        size=said["size"],
        facts=container_facts(said["journal"], named.kind, named.first, named.last, said["head"]),
        stored_at=known.stored_at,
        copies=known.copies,
    )
