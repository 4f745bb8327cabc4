"""Names, titles, identifiers of messages and secrets pass through the archive; nothing that operators read has them.

Words are planted wherever a depositor, a reader or an administrator may write some, in what is right and in what is
refused; then every log, every metric, every journal line and every note of a failure is searched for them.
"""

import asyncio
import json
import unicodedata
import zipfile
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from chartrier_client.administration import (
    AgreementTerms,
    Mandate,
    NewClient,
    create_agreement,
    create_client,
    create_establishment,
)
from chartrier_client.description import Envelope, Keyword, Level, SourceFile, Unit
from chartrier_client.sip import BuiltSip, SipBuilder
from services.local import postgres
from shared.rooms import ROOMS
from tests.e2e.traces import eventually
from trials.towns import Archive, Town, until_state

pytestmark = pytest.mark.e2e

MARK = f"q{uuid4().hex[:10]}z"
"""In every planted word: one search finds them all."""

NOTES = {
    "work": "SELECT last_error FROM {room}.work",
    "outbox": "SELECT last_error FROM {room}.outbox",
    "dead letters": "SELECT reason FROM {room}.dead_letter",
}


def planted(what: str) -> str:
    """A word that nothing but our planting can have put anywhere."""
    return f"{what}-{MARK}"


@pytest.fixture
def town(archive: Archive) -> Town:
    """A town whose every name is planted, but for the identifiers that administrators give."""
    name = f"ville-{uuid4().hex[:10]}"
    with archive.administrator() as admin:
        establishment = create_establishment(admin, name, planted("Ville de"))
        terms = AgreementTerms(
            establishment,
            f"accord-{name}",
            planted("Accord"),
            match_header="record",
            unknown_rules="warn",
            usages="lenient",
        )
        agreement = create_agreement(admin, terms)
        client: NewClient = create_client(
            admin, planted("logiciel"), [Mandate(establishment, ("depositor", "reader", "producer"))]
        )
    return Town(archive, establishment, agreement, f"accord-{name}", client.client_id, client.client_secret)


def a_planted_sip(path: Path) -> BuiltSip:
    """A valid SIP with planted words in its names, its descriptions, its agents and its files."""
    builder = SipBuilder(
        Envelope(
            message_identifier=planted("message"),
            archival_agency=planted("archives"),
            transferring_agency=planted("versant"),
            originating_agency=planted("producteur"),
            comment=planted("commentaire"),
        )
    )
    root = builder.add_unit(
        Unit(
            # Another title, other bytes: only the message is the same.
            title=planted(f"Dossier de Madame Le Goff {path.stem}"),
            level=Level.RECORD_GROUP,
            description=planted("née à Quimper"),
            keywords=(Keyword(planted("Le Goff, Yvonne"), "persname"),),
        )
    )
    builder.add_file(root, SourceFile(planted("acte") + ".txt", planted("contenu").encode() * 50, "text/plain"))
    return builder.write(path)


def deposit_what_is_right(town: Town, folder: Path) -> None:
    """One that is accepted, found, read, ordered and given; the same message a second time is refused."""
    a_planted_sip(folder / "first.zip")
    a_planted_sip(folder / "second.zip")
    with town.client() as client:
        transfer = client.wait(client.deposit(folder / "first.zip", town.agreement), 120)
        assert transfer.state == "accepted", transfer.findings
        units = list(client.search(planted("acte"), transfer=transfer.id))
        units += list(client.search(transfer=transfer.id))
        files = [file for unit in units for file in unit.objects]
        client.download(files[0].id or "", folder / "back")
        client.wait_dip(client.order_dip([units[0].id]), 60)
        again = client.deposit(folder / "second.zip", town.agreement)
        assert until_state(client, again, "accepted", "rejected").state == "rejected"


def deposit_what_is_wrong(town: Town, folder: Path) -> None:
    """Bytes, containers and manifests that say something planted where it must not be."""
    manifest = f"<ArchiveTransfer xmlns='fr:gouv:culture:archivesdefrance:seda:v2.1'><{MARK}>{MARK}</ArchiveTransfer>"
    with zipfile.ZipFile(folder / "wrong.zip", "w") as package:
        package.writestr("manifest.xml", manifest)
        package.writestr(f"{planted('pièce')}.txt", MARK)
    (folder / "no.zip").write_text(planted("rien d'un paquet"), encoding="utf-8")
    with town.client() as client:
        for name in ("wrong.zip", "no.zip"):
            refused = client.deposit(folder / name, town.agreement)
            assert until_state(client, refused, "accepted", "rejected").state == "rejected"


def ask_what_is_wrong(town: Town) -> None:
    """Requests that are refused, each with something planted in it; what they are answered is theirs to read."""
    with town.http() as http, town.archive.http(town.archive.admin_token()) as admin:
        wrong = [
            http.post("/admin/v1/token", auth=(planted("client"), planted("secret"))),
            http.post("/admin/v1/token", auth=(town.client_id, planted("secret"))),
            http.get(f"/access/v1/units/{MARK}"),
            http.get("/access/v1/units", params={"q": f"{MARK}\0"}),
            http.get("/access/v1/units", params={"limit": MARK, "q": MARK}),
            http.get(f"/{MARK}/{MARK}?{MARK}", headers={"Authorization": f"Bearer {MARK}"}),
            http.get("/access/v1/units", headers={"Authorization": f"Bearer {MARK}", "traceparent": MARK}),
            http.request(
                "GET", f"/ingest/v1/transfers/{MARK}", headers={"Accept-Language": MARK, "X-Request-Id": MARK}
            ),
            http.post(
                "/ingest/v1/transfers",
                params={"agreement": town.agreement},
                headers={"Content-Digest": "sha-512=:AAAA:", "Content-Disposition": f"attachment; filename={MARK}"},
                content=MARK.encode(),
            ),
            http.post(
                "/ingest/v1/transfers",
                params={"agreement": MARK},
                files={"sip": (planted("envoi"), MARK.encode())},
            ),
            admin.post("/admin/v1/clients", json={"name": planted("logiciel"), "mandates": [{MARK: MARK}]}),
            admin.post("/admin/v1/establishments", json={"identifier": "x", "name": f"{MARK}\0"}),
            admin.post("/admin/v1/establishments", content=f'{{"name": {MARK}'.encode()),
            admin.post(
                "/admin/v1/agreements",
                json={"establishment": town.establishment, "identifier": town.agreement_identifier, "name": MARK},
            ),
        ]
    assert all(400 <= answer.status_code < 500 for answer in wrong), [answer.status_code for answer in wrong]


def logs(archive: Archive) -> dict[str, str]:
    """Everything that any process of this archive has written for its operator."""
    found = {
        path.relative_to(archive.home).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in archive.home.rglob("*.log")
        # What a broker or a store keeps under such a name is its data, not what it tells.
        if not {"data", "mnesia", "quorum"} & set(path.relative_to(archive.home).parts)
    }
    assert any('"room":' in text for text in found.values()), sorted(found)
    return found


def metrics(archive: Archive) -> dict[str, str]:
    with archive.http(None) as http:
        return {f"/{room}/metrics": http.get(f"/{room}/metrics").raise_for_status().text for room in ROOMS}


async def written(archive: Archive) -> dict[str, str]:
    """The journals, and what rooms note of failures, as their database has them."""
    server = postgres.start(archive.home / archive.kind / "postgres")
    address = make_url(server.url("postgres")).set(drivername="postgresql")
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        found = {
            f"{room}: {what}": json.dumps([row[0] for row in await connection.fetch(query.format(room=room))])
            for room in ROOMS
            for what, query in NOTES.items()
        }
        lines = await connection.fetch("SELECT convert_from(body, 'UTF8') FROM proof.line")
        found["journals"] = "\n".join(row[0] for row in lines)
    finally:
        await connection.close()
    assert "transfer.accepted" in found["journals"]
    return found


def places_of(mark: str, texts: dict[str, str]) -> list[str]:
    """Where a mark stands, each with the line it stands in."""
    return [
        f"{place}: {line[:600]}"
        for place, text in texts.items()
        for line in text.splitlines()
        if mark in unicodedata.normalize("NFC", line)
    ]


def test_no_log_metric_or_journal_has_a_word_of_what_is_archived(town: Town, tmp_path: Path) -> None:
    deposit_what_is_right(town, tmp_path)
    deposit_what_is_wrong(town, tmp_path)
    ask_what_is_wrong(town)

    # The refusals of this town are journaled a moment later.
    assert eventually(lambda: "digest_mismatch" in asyncio.run(written(town.archive))["journals"])
    told = {**logs(town.archive), **metrics(town.archive), **asyncio.run(written(town.archive))}

    assert places_of(MARK, told) == []
    assert places_of(town.client_secret, told) == []
    assert len(told) > len(ROOMS)


def test_the_search_does_see_what_is_there() -> None:
    assert places_of("abc", {"x": "one\nwith abc in it", "y": "none"}) == ["x: with abc in it"]
