"""All that the rooms' databases hold, table by table, and what of it no site can give back."""

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

import asyncpg
from sqlalchemy import make_url

from services.local.postgres import Postgres
from shared.rooms import ROOMS

Rows = list[dict[str, Any]]
Contents = Mapping[str, Rows]

PLUMBING = ("outbox", "inbox", "dead_letter", "work", "alembic_version")

LEFT_OUT: Mapping[str, str] = {
    **{f"{room}.{table}": "messages and work under way" for room in ROOMS for table in PLUMBING},
    "admin.client": "accounts are made anew",
    "admin.mandate": "accounts are made anew",
    "admin.refusal": "of accounts",
    "admin.webhook": "of accounts, with their secrets",
    "admin.webhook_delivery": "of webhooks",
    "ingest.upload": "under way",
    "ingest.upload_piece": "under way",
    "ingest.profile_content": "a cache of what admin has",
    "access.dip": "made on demand, and made again",
    "proof.pending_batch": "under way",
    "proof.receipt": "issued again when somebody asks for it",
    "proof.statement": "of their moment: another is made on demand",
    "proof.attestation": "of their moment: another is made on demand, but of eliminations",
    "proof.elimination": "the records of purges have it; attestations of them are not made again yet",
    "proof.looked_at": "a place to go on from, which begins anew",
    "admin.purge_order": "once done it is a record, and the traces that purges leave",
    "storage.purge_order": "once done it is a record, and the traces that purges leave",
    "storage.site": "said anew when storage starts",
    **{f"storage.audit_{table}": "audits begin anew" for table in ("hand", "round", "run", "part", "item")},
    "storage.restore_test": "the journals tell of them; their list begins anew",
}
"""Tables, and why they do not come back."""

CHANGED: Mapping[str, Mapping[str, str]] = {
    "storage.holding": {"taken_at": "the moment of the write log", "stored_at": "the moment of the write log"},
    "storage.copy": {
        "state": "known, to be read back",
        "written_by": "a task that is over",
        "written_at": "the moment of the write log",
        "verified_at": "to be read back",
    },
    "data_management.aip": {"catalogued_at": "when it came back"},
    "proof.anchor": {"body": "it lies on the sites"},
    "proof.filed": dict.fromkeys(("filed_at", "stored_at"), "the moment of the write log"),
    "proof.seal": {
        **dict.fromkeys(("authority", "drift", "certificate_ends"), "of the asking, which the token does not tell"),
        "stamped_at": "the token tells its own time alone",
    },
    "proof.package_group": {"receipts": "the write log tells of copies, and not where sites were", "stored_at": "so"},
    "proof.container": dict.fromkeys(("planned_at", "closed_at", "stored_at"), "when it came back"),
    "ingest.transfer": {
        "received_at": "to the millisecond",
        "changed_at": "when it ended",
        "filename": "it may name a person",
        "findings": "their codes are in the journal and in PREMIS",
        "steps": "only its end is known",
        "plan": "of the building of the AIP",
        "header": "of one that was refused nothing is kept",
        "reply_key": "the reply lay in staging",
        "reason": "an archivist's words: of a free text only a digest is kept",
        "reason_salt": "it lies beside them alone",
        "decide_by": "the term of a decision that was taken",
    },
    "admin.organisation": {"changed_at": "the moment of the message"},
    "admin.agreement_version": {"published_at": "the moment of the message"},
    "admin.rule": {"published_at": "the moment of the message"},
    "admin.signing_key": {
        "pkcs8": "a secret, which no site has",
        "created_at": "the moment of the message",
        "retired_at": "no token is believed any more that it signed",
    },
    "admin.profile": {"created_at": "the moment of the journal"},
    "admin.profile_version": dict.fromkeys(("uploaded_at", "approved_at"), "the moment of the journal"),
}
"""Columns that come back otherwise, and how."""

OF_JOURNALS = frozenset({f"proof.{name}" for name in ("line", "container", "sealed_journal", "anchored_journal")})
"""Tables that know a journal by an id of the database."""

OF_REFUSED = frozenset({"counts", "message_identifier", "transferring_agency", "profile", "aip_id"})
"""What is known of a transfer that was refused, and of which only the journal remains: not this."""


def contents(server: Postgres) -> Contents:
    """Return every row of every table of every room that is to come back, as PostgreSQL writes it in JSON."""
    return asyncio.run(_contents(server))


def address(server: Postgres) -> str:
    """Return where a superuser finds the archive's database."""
    url = make_url(server.superuser_url).set(drivername="postgresql", database="chartrier")
    return url.render_as_string(hide_password=False)


async def _contents(server: Postgres) -> Contents:
    connection = await asyncpg.connect(address(server))
    try:
        tables = await connection.fetch(
            """SELECT schemaname || '.' || tablename AS name FROM pg_tables
               WHERE schemaname = ANY ($1) ORDER BY 1""",
            list(ROOMS),
        )
        names = [row["name"] for row in tables if row["name"] not in LEFT_OUT]
        return {name: await _rows(connection, name) for name in names}
    finally:
        await connection.close()


async def _rows(connection: asyncpg.Connection, name: str) -> Rows:
    found = await connection.fetch(f"SELECT row_to_json(one)::text AS row FROM {name} AS one")  # noqa: S608
    return [json.loads(row["row"]) for row in found]


def comparable(held: Contents) -> dict[str, list[str]]:
    """Return rows as they must be equal: journals by their names, and without what comes back otherwise."""
    names = {row["id"]: row["name"] for row in held["proof.journal"]}
    shown: dict[str, list[str]] = {}
    for table, rows in held.items():
        without = CHANGED.get(table, {})
        kept = [_without(without, row) for row in rows]
        if table == "ingest.transfer":
            kept = [_without(OF_REFUSED if row["state"] == "rejected" else (), row) for row in kept]
        if table in OF_JOURNALS:
            kept = [{**row, "journal": names[row["journal"]]} for row in kept]
        if table == "proof.journal":
            kept = [_without({"id"}, row) for row in kept]
        shown[table] = sorted(json.dumps(row, sort_keys=True) for row in kept)
    return shown


def _without(names: Collection[str], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def as_far_as_the_sites(held: Contents) -> Contents:
    """Leave out the last lines of journals, which are in no container yet, and move the heads back."""
    last: dict[int, int] = {}
    for row in held["proof.container"]:
        last[row["journal"]] = max(last.get(row["journal"], 0), row["last"])
    lines = [row for row in held["proof.line"] if row["number"] <= last.get(row["journal"], 0)]
    facts = {(row["journal"], row["number"]): json.loads(_bytes(row["body"])) for row in lines}
    batches = {(one["sender"], one["batch"]) for one in facts.values()}
    kept = [row for row in held["proof.batch"] if (row["sender"], row["number"]) in batches]
    ends = {row["sender"]: row for row in sorted(kept, key=lambda row: int(row["number"]))}
    digests = {(row["journal"], row["number"]): row["sha512"] for row in lines}
    heads = {
        f"{room}.journal_head": [
            {"sender": room, "batch": ends[room]["number"], "sha512": ends[room]["sha512"].removeprefix("\\x")}
            for _ in held[f"{room}.journal_head"]
            if room in ends
        ]
        for room in ROOMS
    }
    return {
        **held,
        **heads,
        "proof.line": lines,
        "proof.batch": kept,
        "proof.sender": [
            {"name": name, "batch": end["number"], "sha512": end["sha512"], "changed_at": end["kept_at"]}
            for name, end in ends.items()
        ],
        "proof.journal": [
            {**row, "number": last[row["id"]], "sha512": digests[row["id"], last[row["id"]]]}
            | {"changed_at": _moment(facts[row["id"], last[row["id"]]])}
            for row in held["proof.journal"]
            if row["id"] in last
        ],
    }


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.removeprefix("\\x"))


def _moment(facts: Mapping[str, Any]) -> str:
    """Write a moment as PostgreSQL does: without the zeros at its end."""
    seconds, _, rest = str(facts["recorded_at"]).removesuffix("Z").partition(".")
    fraction = rest.rstrip("0")
    return f"{seconds}{'.' if fraction else ''}{fraction}+00:00"
