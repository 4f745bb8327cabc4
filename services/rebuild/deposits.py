"""The transfers that the archive accepted, and those it refused: from catalogues and journals."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from services.data_management import rebuilding as catalogue
from services.ingest import rebuilding as ingest
from services.rebuild.facts import LISTED
from services.rebuild.house import House
from services.rebuild.ranges import Ranges
from services.rebuild.refusals import as_far_as_taken
from services.storage import rebuilding as storage
from services.storage.domain.keys import aip_key
from services.storage.pipeline.package_head import UnreadablePackage
from services.storage.queries.rebuilding import Standing
from shared.object_store.errors import NoSuchObject, NoSuchRange
from shared.object_store.versions import version_of

TRANSFER = "transfer:"
REFUSED = "transfer.rejected"
ACCEPTED = "transfer.accepted"

REFUSALS = 500
"""Refused transfers entered together."""

_SIP = re.compile(rb"SIP of (\d+) bytes, SHA-512 ([0-9a-f]{128})")
"""How the PREMIS of an AIP names the SIP that it was made from (`services.ingest.pipeline.aip.premis`)."""

MOST_PREMIS = 4 * 1024**2
"""Bytes of a PREMIS that are searched: its events stand at its end."""


async def keep_deposits(house: House, aip_ids: Sequence[UUID]) -> None:
    """Have ingest know the transfers of these AIPs, as far as they are in the catalogue."""
    heads = await catalogue.heads(house.rooms["data_management"], aip_ids)
    transfers = {UUID(head["transfer_id"]): head for head in heads.values()}
    there = await ingest.known(house.rooms["ingest"], transfers)
    missing = {one: head for one, head in transfers.items() if one not in there}
    if house.dry or not missing:
        return
    lines = house.scratch.about([f"{TRANSFER}{one}" for one in missing])
    keys = {one: aip_key(UUID(head["establishment"]), UUID(head["aip_id"]), 1) for one, head in missing.items()}
    aips = await storage.known(house.rooms["storage"], list(keys.values()))
    listed = _listed(house, missing, lines)
    deposits = []
    for one, head in missing.items():
        said = lines[f"{TRANSFER}{one}"]
        sip = _sip_of(said) or await _sip_in(house, head, keys[one], aips.get(keys[one]))
        if sip is None:
            house.report.fault("sip_unknown", f"{TRANSFER}{one}", "neither a line nor its AIP names its SIP")
        else:
            aip = aips.get(keys[one])
            aip_facts = None if aip is None else (aip.sha512, aip.size)
            deposits.append(ingest.Deposit(head=head, lines=said, sip=sip, aip=aip_facts, listed=listed[one]))
    faults = await as_far_as_taken(
        partial(ingest.take_deposits, house.rooms["ingest"]),
        deposits,
        lambda one, said: house.report.fault("transfer_contradicts", f"transfer {one.head['transfer_id']}", said),
    )
    for fault in chain.from_iterable(faults):
        house.report.fault("transfer_contradicts", fault.partition(":")[0], fault)
    house.report.came("transfers", len(deposits))


def _listed(
    house: House, heads: Mapping[UUID, Mapping[str, Any]], lines: Mapping[str, ingest.Said]
) -> dict[UUID, Sequence[Mapping[str, Any]] | None]:
    """Return the profiles that the agreement listed under which each transfer was made; None where nothing tells."""
    agreements = {one: _agreement_of(lines[f"{TRANSFER}{one}"]) for one in heads}
    found = house.scratch.about({f"agreement:{agreement}" for agreement in agreements.values()})
    said = {
        one: found[f"agreement:{agreements[one]}"].get(f"{LISTED} {head['agreement_version']}")
        for one, head in heads.items()
    }
    return {one: None if each is None else each["profiles"] for one, each in said.items()}


def _agreement_of(said: ingest.Said) -> str | None:
    told = (said.get(action, {}).get("details", {}).get("agreement") for action in ("transfer.received", ACCEPTED))
    return next((one for one in told if one is not None), None)


def _sip_of(said: ingest.Said) -> tuple[str, int] | None:
    received = said.get("transfer.received", {}).get("details")
    if received is not None:
        return received["sha512"], received["size"]
    accepted = said.get(ACCEPTED, {}).get("details", {})
    return (accepted["sip_sha512"], accepted["sip_size"]) if "sip_size" in accepted else None


async def _sip_in(house: House, head: Mapping[str, Any], key: str, aip: Standing | None) -> tuple[str, int] | None:
    """Return digest and size of a SIP of which no line tells, from the PREMIS of its AIP."""
    if aip is None:
        return None
    try:
        version = await version_of(house.store, key, aip.sha512)
        if version is None:
            return None
        ranges = Ranges(house.store, key, version.version_id, version.size)
        offset, length = (await ranges.head(head["aip_id"])).premis
        skipped = max(0, length - MOST_PREMIS)
        found = _SIP.search(await ranges.read(offset + skipped, length - skipped))
    except (NoSuchObject, NoSuchRange, UnreadablePackage):
        return None
    return None if found is None else (found[2].decode(), int(found[1]))


async def rebuild_refusals(house: House) -> None:
    """Have ingest know the transfers that were refused."""
    refused: dict[UUID, ingest.Said] = {}
    said: dict[str, Mapping[str, Any]] = {}
    of = ""
    for about, sort, one in house.scratch.under(TRANSFER):
        if about != of:
            said, of = {}, about
        said[sort] = one
        if sort == REFUSED:
            refused[UUID(about.removeprefix(TRANSFER))] = said
        if len(refused) == REFUSALS:
            await _keep_refusals(house, refused)
            refused = {}
    await _keep_refusals(house, refused)


async def _keep_refusals(house: House, refused: Mapping[UUID, ingest.Said]) -> None:
    if not house.dry:
        taken = await as_far_as_taken(
            lambda some: ingest.take_refusals(house.rooms["ingest"], dict(some)),
            list(refused.items()),
            lambda one, said: house.report.fault("transfer_contradicts", f"transfer {one[0]}", said),
        )
        house.report.came("refused transfers", sum(taken))
