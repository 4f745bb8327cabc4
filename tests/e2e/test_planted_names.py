"""A person's name goes through the archive wherever one may be written; no journal has it, in any form (PRV-05).

Planted in what is accepted, refused, decided, searched, asked wrongly, administered and eliminated; looked for in
every line that proof keeps, in every container on the sites, and in every message of the journals on its way.
"""

import asyncio
import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from chartrier_client.administration import Mandate, create_client
from chartrier_client.description import Envelope, Keyword, Level, SourceFile, Unit
from chartrier_client.sip import SipBuilder
from tests.e2e.conftest import AllInOne
from tests.e2e.disguises import disguises, seen
from tests.e2e.test_purge import Deposit, accepted, asked, forgotten, order
from tests.e2e.test_rebuild import command
from tests.e2e.traces import eventually
from trials.towns import Archive, Town, a_town, until_state

pytestmark = pytest.mark.e2e

NAME = f"Hélène Kermadec{uuid4().hex[:12]}"
FORMS = disguises(NAME)

KEPT = "SELECT body FROM proof.line UNION ALL SELECT body FROM proof.pending_batch"
ON_THEIR_WAY = " UNION ALL ".join(
    f"SELECT body FROM {room}.{table} WHERE topic LIKE 'journal.%'"  # noqa: S608 (names of ours)
    for room in ("admin", "ingest", "storage", "data_management", "access", "proof")
    for table in ("outbox", "dead_letter")
)
AWAITED = "SELECT count(*) FROM proof.container WHERE stored_at IS NULL"
LINES = "SELECT convert_from(body, 'UTF8') FROM proof.line"


def a_sip(path: Path) -> Path:
    """A SIP with the name in its envelope, its titles, its agents, its keywords, its file and that file's name."""
    envelope = Envelope(f"{NAME} {path.stem} {uuid4()}", "archives", f"Cabinet de {NAME}", comment=f"Reçu de {NAME}")
    builder = SipBuilder(envelope)
    keywords = (Keyword(NAME, "persname"),)
    root = builder.add_unit(Unit(f"Dossier de {NAME}", Level.RECORD_GROUP, description=NAME, keywords=keywords))
    builder.add_file(root, SourceFile(f"acte de {NAME}.txt", f"{NAME} {path.stem} ".encode() * 50, "text/plain"))
    builder.write(path)
    return path


def deposit(town: Town, folder: Path) -> Deposit:
    """One that an archivist accepts, that is found, read and ordered."""
    sip = a_sip(folder / f"{NAME}.zip")
    with town.client() as client:
        transfer = accepted(town, client.deposit(sip, town.agreement), f"Vu avec {NAME}")
        assert transfer.state == "accepted", transfer.findings
        assert list(client.search(NAME, transfer=transfer.id))
        units = list(client.search(transfer=transfer.id))
        file = next(one.id for unit in units for one in unit.objects) or ""
        client.download(file, folder / "back")
        client.wait_dip(client.order_dip([units[0].id]), 60)
    return Deposit(NAME, sip, transfer, tuple(unit.id for unit in units), file, "")


def administer(archive: Archive, town: Town) -> None:
    """Name organisations, clients, agreements and webhooks after somebody."""
    with archive.http(archive.admin_token()) as http:
        http.patch(f"/admin/v1/organisations/{town.establishment}", json={"name": f"Mairie de {NAME}"})
        http.patch(f"/admin/v1/agreements/{town.agreement}", json={"name": f"Accord de {NAME}"}).raise_for_status()
    with archive.administrator() as admin:
        create_client(admin, f"Poste de {NAME}", [Mandate(town.establishment, ("reader",))])
    with town.http() as http:
        address = {"url": f"http://127.0.0.1:9/{base64.urlsafe_b64encode(NAME.encode()).decode()}?de={quote(NAME)}"}
        made = http.post(
            "/admin/v1/webhooks", json={**address, "events": ["transfer.accepted"], "description": f"Chez {NAME}"}
        )
        assert made.status_code == 201, made.text


def ask_wrongly(archive: Archive, town: Town) -> None:
    """Ask for what is not there, or not theirs, by somebody's name."""
    with town.http() as http:
        for path in (
            f"access/v1/units/{NAME}",
            f"access/v1/objects/{NAME}/content",
            f"data_management/v1/units/{NAME}",
            f"storage/v1/aips/{NAME}/content",
            f"ingest/v1/transfers/{NAME}",
            f"proof/v1/journals/{NAME}/lines",
        ):
            assert http.get(f"/{path}").status_code in (403, 404), path
        http.get("/access/v1/units", params={"q": NAME, "identifier": NAME, "establishment": str(uuid4())})
        http.post("/ingest/v1/transfers", params={"agreement": NAME}, content=f"Rien de {NAME}".encode())
    with archive.http(None) as http:
        http.post(
            "/admin/v1/token", data={"grant_type": "client_credentials", "client_id": NAME, "client_secret": NAME}
        )
        http.get("/access/v1/units", headers=[(b"Authorization", f"Bearer {NAME}".encode())])


def refuse(town: Town, folder: Path) -> None:
    """One that an archivist refuses, with a reason; and one that is no package."""
    (folder / "none.zip").write_bytes(f"Rien de {NAME}".encode())
    with town.archive.administrator() as admin:
        archivist = create_client(admin, NAME, [Mandate(town.establishment, ("archivist",))])
    token = town.archive.token(archivist.client_id, archivist.client_secret)
    with town.client() as client, town.archive.http(token) as http:
        waiting = client.deposit(a_sip(folder / "refused.zip"), town.agreement)
        until_state(client, waiting, "awaiting_decision", patience=120)
        decided = {"decision": "refuse", "reason": f"Demandé par {NAME}"}
        http.post(f"/ingest/v1/transfers/{waiting}/decision", json=decided).raise_for_status()
        assert until_state(client, waiting, "rejected", patience=120).state == "rejected"
        broken = client.deposit(folder / "none.zip", town.agreement)
        assert until_state(client, broken, "accepted", "rejected", patience=120).state == "rejected"


def containers(archive: Archive) -> dict[str, bytes]:
    """Every file of a journal on any site, and its name."""
    state = archive.home / archive.kind
    found = [path for site in ("site-a", "site-b") for path in (state / site).rglob("*/journals/**/*")]
    return {str(path.relative_to(state)): path.read_bytes() for path in found if path.is_file()}


def test_no_journal_has_a_name_that_was_planted_wherever_one_may_be_written(
    all_in_one: AllInOne, tmp_path: Path
) -> None:
    archive = all_in_one.archive
    town = a_town(archive, decision="archivist")
    administer(archive, town)
    gone = deposit(town, tmp_path)
    refuse(town, tmp_path)
    ask_wrongly(archive, town)
    order_id = asyncio.run(order(archive, town, gone))
    everybody = {"storage", "ingest", "data_management", "access"}
    assert eventually(lambda: asyncio.run(forgotten(archive, order_id)) == everybody, 120)
    command(all_in_one, "journals", "close")
    assert eventually(lambda: asyncio.run(asked(archive, AWAITED)) == [0], 60)

    bodies = asyncio.run(asked(archive, f"{KEPT} UNION ALL {ON_THEIR_WAY}"))
    files = containers(archive)

    assert [(seen(FORMS, body), body) for body in bodies if seen(FORMS, body)] == []
    assert [path for path, content in files.items() if seen(FORMS, path.encode() + content)] == []
    # What was looked through tells of all of it.
    acts = {json.loads(line)["action"] for line in asyncio.run(asked(archive, LINES))}
    assert acts >= {
        *("transfer.accepted", "transfer.rejected", "transfer.decided", "transfer.refused", "aip.purged"),
        *("catalogue.searched", "unit.refused", "content.communicated", "dip.ordered", "token.refused"),
        *("client.created", "organisation.changed", "agreement.published", "webhook.created", "access.refused"),
    }
    assert any(b'"aip.purged"' in content for content in files.values())


@pytest.mark.parametrize(
    "written",
    [
        NAME.encode(),
        NAME.upper().encode(),
        NAME.replace("é", "e").replace("è", "e").encode(),
        json.dumps({"title": f"Dossier de {NAME}"}).encode(),
        json.dumps(NAME).replace("\\u00e9", "\\u00E9").encode(),
        base64.b64encode(f"Dossier de {NAME}.".encode()),
        base64.b64encode(f"Dossiers de {NAME}.".encode()),
        base64.b64encode(f"Un dossier de {NAME}".encode()),
        NAME.encode().hex().encode(),
        NAME.encode("utf-16-le"),
        hashlib.sha512(NAME.encode()).hexdigest().encode(),
    ],
)
def test_a_name_is_seen_in_whatever_form_it_is_written(written: bytes) -> None:
    assert seen(FORMS, b"{" + written + b"}") != []


def test_nothing_is_seen_where_it_is_not() -> None:
    assert seen(FORMS, json.dumps({"title": "Dossier de Hélène", "name": "Kermadec"}).encode()) == []
