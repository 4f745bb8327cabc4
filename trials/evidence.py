"""What must be true of deposits after any mishap: each accepted once, nothing lost, nothing twice, no trace left."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

import httpx

from services.local import room_settings, seaweedfs
from shared.rooms import ROOMS
from trials.levers import PATIENCE, Amiss, Levers, until
from trials.towns import Town

ONCE = ("transfer.received", "aip.built", "aip.stored", "aip.catalogued", "transfer.accepted")
"""The lines of a deposit's life, each of which must be there once."""

NOTHING_AGAIN: Mapping[str, int] = MappingProxyType({})


def assert_accepted_once(levers: Levers, town: Town, transfers: Sequence[str], *, patience: float = PATIENCE) -> None:
    """Wait until these deposits, all that the town ever made, are accepted; then look everywhere for a second.

    `Amiss` says what is not as it must be.
    """
    until_all(levers, transfers, "accepted", patience=patience)
    until_idle(levers, patience=patience)
    assert_told_once(levers, town, transfers)
    _one_copy_a_site(levers, town, _aips(levers, transfers))
    _one_catalogue_each(levers, town, transfers)


def assert_told_once(
    levers: Levers, town: Town, transfers: Sequence[str], again: Mapping[str, int] = NOTHING_AGAIN
) -> None:
    """See that nothing is told of these deposits, all that the town ever made, twice, and that nothing waits.

    `again`: what was told of each of them anew, by a good reason, and how often.
    """
    _no_other(levers, town, transfers)
    _one_thread_each(levers, transfers, again)
    _journals_whole(levers, town)
    assert_reconciled(town, transfers)
    _nothing_left(levers, transfers, _aips(levers, transfers))


def assert_reconciled(town: Town, transfers: Sequence[str]) -> None:
    """See that the archive accounts for all these deposits at any moment, and names each that is still pending.

    They are all that the town ever made, these last days.
    """
    with town.http() as http:
        told = _json(http, "/ingest/v1/reconciliation?limit=200")
    accounted_for = told["accepted"] + told["rejected"] + told["pending"]
    agree("received and accounted for", (told["received"], accounted_for), (len(transfers), len(transfers)))
    agree("balanced", told["balanced"], expected=True)
    named = [item["id"] for item in told["items"]]
    agree("pending ones named", len(set(named)), min(told["pending"], 200))
    agree("named, and not the town's", set(named) - set(transfers), set())


def until_all(levers: Levers, transfers: Sequence[str], state: str, *, patience: float = PATIENCE) -> None:
    """Wait until every transfer is in a state."""

    def there() -> bool:
        seen = states(levers, transfers)
        if set(seen) <= {state, "rejected"} and len(seen) > 1:
            raise Amiss(f"{seen}")
        return seen == {state: len(transfers)}

    try:
        until(there, patience=patience)
    except Amiss as error:
        raise Amiss(f"{dict(states(levers, transfers))}, not all {state}: {_stuck(levers)}") from error


def states(levers: Levers, transfers: Sequence[str]) -> Counter[str]:
    """Count the transfers by state."""
    found = levers.ask("SELECT state FROM ingest.transfer WHERE id = ANY($1::uuid[])", _uuids(transfers))
    return Counter(row["state"] for row in found)


def until_idle(levers: Levers, *, patience: float = PATIENCE) -> None:
    """Wait until no room has anything to say or to do, save for another day, and proof holds every line."""

    def is_idle() -> bool:
        waiting = any(levers.ask(query, room=room) for room in ROOMS for query in (_OUTBOX, _WORK))
        said = {tuple(row) for room in ROOMS for row in levers.ask(_HEADS, room=room)}
        kept = {tuple(row) for row in levers.ask("SELECT name, batch, encode(sha512, 'hex') FROM proof.sender")}
        return not waiting and said <= kept

    try:
        until(is_idle, patience=patience)
    except Amiss as error:
        raise Amiss(f"the rooms are still busy: {_stuck(levers)}") from error


_OUTBOX = "SELECT topic, attempts, last_error FROM outbox"
# A receiver that does not answer is tried for days, and holds up no deposit. Audits never end.
_WORK = """SELECT kind, key, epoch, attempts, not_before - now() AS wait, leased_until - now() AS lease, last_error
    FROM work WHERE not_before < now() + interval '1 hour' AND kind NOT IN ('retry_webhooks', 'audit')"""
_DEAD = "SELECT topic, reason FROM dead_letter"
_HEADS = "SELECT sender, batch, sha512 FROM journal_head"
_LONGEST = 600


def _stuck(levers: Levers) -> str:
    rows = [
        (room, row) for room in ROOMS for query in (_WORK, _OUTBOX, _DEAD) for row in levers.ask(query, room=room)
    ]
    return "\n".join(f"{room}: {row!r}" for room, row in rows)


def agree(what: str, found: object, expected: object) -> None:
    """Raise `Amiss` unless what was found is what must be."""
    if found != expected:
        raise Amiss(f"{what}: {_short(found)}, and not {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < _LONGEST else f"{text[:_LONGEST]}…"


def _no_other(levers: Levers, town: Town, transfers: Sequence[str]) -> None:
    rows = levers.ask("SELECT id FROM ingest.transfer WHERE establishment = $1", UUID(town.establishment))
    agree("the town's transfers", sorted(str(row["id"]) for row in rows), sorted(transfers))


def _aips(levers: Levers, transfers: Sequence[str]) -> dict[str, str]:
    rows = levers.ask("SELECT id, aip_id FROM ingest.transfer WHERE id = ANY($1::uuid[])", _uuids(transfers))
    aips = {str(row["aip_id"]): str(row["id"]) for row in rows}
    agree("AIPs", len(aips), len(transfers))
    return aips


def _one_copy_a_site(levers: Levers, town: Town, aips: dict[str, str]) -> None:
    holdings = levers.ask(
        "SELECT id, version, key, sha512, state FROM storage.holding WHERE kind = 'aip' AND establishment = $1",
        UUID(town.establishment),
    )
    agree("AIPs held", {str(row["id"]) for row in holdings}, set(aips))
    agree("versions and states held", {(row["version"], row["state"]) for row in holdings}, {(1, "stored")})
    copies = levers.ask("SELECT site, state FROM storage.copy WHERE holding = ANY($1::uuid[])", _uuids(list(aips)))
    verified = {(site, "verified"): len(aips) for site in ("site-a", "site-b")}
    agree("copies", Counter((row["site"], row["state"]) for row in copies), verified)
    expected = {row["key"]: row["sha512"] for row in holdings}
    for number in (0, 1):
        client = seaweedfs.start(levers.stack.site_folder(number)).client()
        prefix = f"{town.establishment}/aips/"
        found = list(client.list_objects(room_settings.BUCKET, prefix, recursive=True, include_version=True))
        # One object a key, and one version an object: no second writer, no marker.
        agree(f"objects of site {number}", Counter(one.object_name for one in found), dict.fromkeys(expected, 1))
        for key, sha512 in expected.items():
            answer = client.get_object(room_settings.BUCKET, key)
            try:
                agree(f"bytes of {key}", hashlib.sha512(answer.data).hexdigest(), sha512)
            finally:
                answer.close()
                answer.release_conn()


def _one_catalogue_each(levers: Levers, town: Town, transfers: Sequence[str]) -> None:
    aips = levers.ask(
        "SELECT transfer_id, units, objects FROM data_management.aip WHERE establishment = $1",
        UUID(town.establishment),
    )
    agree("transfers in the catalogue", sorted(str(row["transfer_id"]) for row in aips), sorted(transfers))
    units = "SELECT count(*) FROM data_management.unit WHERE establishment = $1"
    objects = "SELECT count(*) FROM data_management.object WHERE establishment = $1"
    for query, wanted in ((units, "units"), (objects, "objects")):
        agree(wanted, levers.count(query, UUID(town.establishment)), sum(row[wanted] for row in aips))


def _one_thread_each(levers: Levers, transfers: Sequence[str], again: Mapping[str, int]) -> None:
    of_these = "SELECT transfer_id, body FROM proof.line WHERE transfer_id = ANY($1::uuid[])"
    rows = levers.ask(of_these, _uuids(transfers))
    lines = Counter((str(row["transfer_id"]), json.loads(row["body"])["action"]) for row in rows)
    of_a_life = {key: times for key, times in lines.items() if key[1] in ONCE}
    expected = {(transfer, action): 1 + again.get(action, 0) for transfer in transfers for action in ONCE}
    agree("lines of their lives", of_a_life, expected)


def _journals_whole(levers: Levers, town: Town) -> None:
    headers = {"Authorization": f"Bearer {town.archive.admin_token()}"}
    with httpx.Client(base_url=town.archive.base_url, headers=headers, timeout=60) as http:
        for journal in (f"archives.{town.establishment}", f"writes.{town.establishment}", "events.platform"):
            verdict = _json(http, f"/proof/v1/journals/{journal}/verification")
            agree(f"anomalies of {journal}", verdict["anomalies"], [])
            if verdict["lines"] == 0:
                raise Amiss(f"{journal} has no lines")
        senders = _json(http, "/proof/v1/journals/senders")["items"]
    # To read a journal is an act, whose line proof has a moment later.
    until_idle(levers)
    agree("gaps", [row for row in senders if row["gap"] is not None], [])


def _nothing_left(levers: Levers, transfers: Sequence[str], aips: dict[str, str]) -> None:
    agree("dead letters", {room: levers.ask(_DEAD, room=room) for room in ROOMS}, {room: [] for room in ROOMS})
    staging = levers.stack.folder / "staging"
    names = {name for transfer in transfers for name in (transfer, f"{transfer}.package")} | set(aips)
    agree("left in staging", [path.name for path in staging.rglob("*") if path.name in names], [])


def _json(http: httpx.Client, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = http.get(path).raise_for_status().json()
    return answer


def _uuids(texts: Sequence[str]) -> list[UUID]:
    return [UUID(text) for text in texts]
