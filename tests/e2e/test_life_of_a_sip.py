"""The main corridor, as a story, over HTTP, on both ways to run the archive."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import asyncpg
import httpx
import pytest
from jwt.utils import base64url_decode
from lxml import etree
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import make_url

import services
from chartrier_client import AsyncClient, Upload, UploadMemory
from chartrier_client.command import main
from chartrier_client.replies import read_reply
from chartrier_client.samples.deposit import demo_deposit
from services.local import postgres
from services.local.settings import room_environment
from services.proof.domain.line import Head
from services.proof.domain.verification import ChainCheck, StoredLine
from tests.answers import valid_answer
from tests.e2e.conftest import AllInOne
from tests.e2e.traces import eventually
from trials.levers import until
from trials.towns import Archive, Town, a_package, a_town, until_state

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def town(archive: Archive) -> Town:
    return a_town(archive)


def test_a_deposit_becomes_an_archive(town: Town, tmp_path: Path) -> None:
    sip = demo_deposit(
        tmp_path / "sip.zip", message_identifier=f"demo-{town.establishment}", agreement=town.agreement_identifier
    )
    with town.client() as client:
        # A deposit posted, checked, stored, catalogued, recorded.
        transfer_id = client.deposit(tmp_path / "sip.zip", town.agreement)
        states: list[str] = []
        transfer = client.wait(transfer_id, 120, lambda now: states.append(now.state))
        assert transfer.state == "accepted", transfer.findings
        assert not [finding for finding in transfer.findings if finding.severity == "error"]

        # Its answers are valid SEDA, in the version of the SIP, in the default namespace.
        acknowledgement = valid_answer(client.acknowledgement(transfer_id))
        reply_bytes = client.reply(transfer_id)
        reply = valid_answer(reply_bytes)
        for answer, root in ((acknowledgement, "Acknowledgement"), (reply, "ArchiveTransferReply")):
            assert etree.QName(answer).localname == root
            assert answer.nsmap == {None: "fr:gouv:culture:archivesdefrance:seda:v2.2"}
        assert read_reply(reply_bytes).reply_code in {"OK", "WARNING"}

        # Found by French words, whatever their accents and number.
        found = list(client.search("parcelles tilleul", transfer=transfer_id))
        assert [unit.title for unit in found] == [
            next(unit.title for unit in found if "parcelle" in unit.title.lower())
        ]
        [document] = found[0].objects

        # Given back bit for bit.
        client.download(document.id or "", tmp_path / "back.pdf")
        with zipfile.ZipFile(tmp_path / "sip.zip") as package:
            originals = {hashlib.sha512(package.read(name)).hexdigest() for name in package.namelist()}
        assert hashlib.sha512((tmp_path / "back.pdf").read_bytes()).hexdigest() in originals

        # On two sites, each read back.
        copies = client.copies(transfer.aip_id or "")
        assert len({copy.place for copy in copies}) == 2
        assert {copy.state for copy in copies} == {"verified"}
    assert sip is not None


def test_the_aip_opens_without_us(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip", files=3)
    with town.client() as client, town.http() as http:
        transfer = client.wait(client.deposit(package, town.agreement), 120)
        assert transfer.state == "accepted", transfer.findings
        answer = http.get(f"/storage/v1/aips/{transfer.aip_id}/content")
    assert answer.status_code == 200
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as aip, zipfile.ZipFile(package) as sip:
        members = {member.name.split("/", 1)[1]: member for member in aip.getmembers()}
        assert {name.split("/", 1)[0] for name in aip.getnames()} == {transfer.aip_id}
        for name in sip.namelist():
            inside = "submission/manifest.xml" if name == "manifest.xml" else f"representations/original/data/{name}"
            extracted = aip.extractfile(members[inside])
            assert extracted is not None
            assert extracted.read() == sip.read(name)
        catalogue = aip.extractfile(members["metadata/descriptive/catalogue.ndjson"])
        assert catalogue is not None
        lines = [json.loads(line) for line in catalogue.read().splitlines()]
    for line in lines:
        if line["type"] == "object" and line["offset"] is not None:
            content = answer.content[line["offset"] : line["offset"] + line["size"]]
            assert hashlib.sha512(content).hexdigest() == line["sha512"]


def fetched(http: httpx.Client, place: str) -> httpx.Response:
    """Return what somebody makes meanwhile."""
    until(lambda: http.get(place).status_code == 200)
    return http.get(place)


def test_the_depositor_has_the_receipt_that_binds_the_archive(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip", files=3)
    with town.client() as client, town.http() as http:
        transfer = client.wait(client.deposit(package, town.agreement), 120)
        links = http.get(f"/ingest/v1/transfers/{transfer.id}").json()["links"]
        issued = fetched(http, links["receipt"])
        copies = {copy.site for copy in client.copies(transfer.aip_id or "")}
        place = f"/proof/v1/aips/{transfer.aip_id}/attestation?kind=deposit"
        attested = fetched(http, place)

    assert attested.headers["content-type"] == "application/pdf"
    assert PdfFileReader(io.BytesIO(attested.content)).embedded_regular_signatures
    assert issued.headers["content-type"] == "application/jose"
    told = json.loads(base64url_decode(issued.text.split(".")[1]))
    assert (told["transfer"], told["aip"]) == (transfer.id, transfer.aip_id)
    assert {copy["site"] for copy in told["copies"]} == copies
    assert {line["journal"].partition(".")[2] for line in told["lines"]} == {town.establishment}


def test_proof_knows_every_file_of_a_package(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip", files=3)
    with town.client() as client, town.http() as http:
        transfer = client.wait(client.deposit(package, town.agreement), 120)
        content = http.get(f"/storage/v1/aips/{transfer.aip_id}/content").content
    with tarfile.open(fileobj=io.BytesIO(content)) as aip:
        opened = [aip.extractfile(member) for member in aip if member.isreg()]
        members = sorted({hashlib.sha512(one.read()).digest() for one in opened if one is not None})

    # It is accepted before proof has looked: the next seal is soon enough.
    found = until(lambda: asyncio.run(group_of(town.archive, str(transfer.aip_id))))
    assert found == b"".join(members)


async def group_of(archive: Archive, aip: str) -> bytes | None:
    server = postgres.start(archive.home / archive.kind / "postgres")
    address = make_url(server.url("postgres")).set(drivername="postgresql")
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        found: bytes | None = await connection.fetchval(
            "SELECT digests FROM proof.package_group WHERE aip = $1::uuid", aip
        )
    finally:
        await connection.close()
    return found


async def test_a_folder_and_its_metadata_become_archives(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "Séances"
    (folder / "mars 2026").mkdir(parents=True)
    (folder / "mars 2026" / "délibération.txt").write_text(f"Tilleuls {town.establishment}", encoding="utf-8")
    (folder / "vide.txt").touch()
    rows = ["chemin;titre;niveau;date de début;DUA;début DUA;sort final;mot-clé"]
    rows += [".;Séances du conseil;Dossier;2026;DELIB;31/12/2026;Conserver;conseil|Valombreuse"]
    rows += ["mars 2026/délibération.txt;Achat de la parcelle;Pièce;26/03/2026;;;;"]
    (tmp_path / "m.csv").write_text("\r\n".join(rows), encoding="cp1252")
    around = {"CHARTRIER_AGREEMENT": town.agreement_identifier, "CHARTRIER_ARCHIVAL_AGENCY": "ARCHIVES"}
    words = ["--metadata", str(tmp_path / "m.csv"), "--transferring-agency", f"MAIRIE-{town.establishment}"]
    for name in ("one.zip", "two.zip"):
        assert main(["sip", "build", str(folder), str(tmp_path / name), *words], around) == 0

    with town.client() as client:
        plain = client.wait(client.deposit(tmp_path / "one.zip", town.agreement), 120)
        units = {unit.title: unit for unit in client.search(transfer=plain.id)}
    async with AsyncClient(town.archive.base_url, town.client_id, town.client_secret) as patient:
        upload = Upload(tmp_path / "two.zip", town.agreement, memory=UploadMemory(tmp_path / "memory"), piece=700)
        with pytest.raises(InterruptedError):
            await patient.upload(upload, _interrupted)
        awaited = await patient.wait(await patient.upload(upload), 120)
        again = {unit.title async for unit in patient.search(transfer=awaited.id)}

    for transfer in (plain, awaited):
        assert transfer.state == "accepted", transfer.findings
    assert set(units) == again == {"Séances du conseil", "mars 2026", "Achat de la parcelle", "vide.txt"}
    assert units["Séances du conseil"].level == "File"
    assert units["Achat de la parcelle"].start_date == "2026-03-26"
    assert [row.filename for row in units["Achat de la parcelle"].objects] == ["délibération.txt"]


def _interrupted(done: int, _: int) -> None:
    if done:
        raise InterruptedError


def test_units_are_walked_from_the_root_to_the_files(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip", title="Marché de voirie", files=2)
    with town.client() as client:
        transfer = client.wait(client.deposit(package, town.agreement), 120)
        [root] = [unit for unit in client.search("marché", transfer=transfer.id) if unit.level == "RecordGrp"]
        children = list(client.children(root.id))

        assert [child.title for child in children] == [f"Marché de voirie, pièce {n}" for n in (1, 2)]
        assert client.unit(children[0].id) == children[0]


def test_a_range_of_a_file_is_that_range(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip", size=5000)
    with town.client() as client, town.http() as http:
        transfer = client.wait(client.deposit(package, town.agreement), 120)
        [unit] = [unit for unit in client.search(transfer=transfer.id) if unit.objects]
        path = f"/access/v1/objects/{unit.objects[0].id}/content"
        whole = http.get(path)
        part = http.get(path, headers={"Range": "bytes=100-299"})
        tail = http.get(path, headers={"Range": "bytes=-7"})
        beyond = http.get(path, headers={"Range": "bytes=5000-"})
        unchanged = http.get(path, headers={"If-None-Match": whole.headers["ETag"]})

    assert (whole.status_code, len(whole.content)) == (200, 5000)
    assert (part.status_code, part.content) == (206, whole.content[100:300])
    assert part.headers["Content-Range"] == "bytes 100-299/5000"
    assert (tail.status_code, tail.content) == (206, whole.content[-7:])
    assert beyond.status_code == 416
    assert unchanged.status_code == 304


def test_a_dip_is_ordered_and_fetched(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip", files=2)
    with town.client() as client:
        transfer = client.wait(client.deposit(package, town.agreement), 120)
        units = [unit for unit in client.search(transfer=transfer.id) if unit.objects]
        dip = client.wait_dip(client.order_dip([unit.id for unit in units]), 60)
        assert dip.state == "ready", dip.body
        client.download_dip(dip.id, tmp_path / "dip.zip")

    with zipfile.ZipFile(tmp_path / "dip.zip") as out, zipfile.ZipFile(package) as sip:
        for line in out.read("manifest-sha512.txt").decode().splitlines():
            digest, name = line.split(maxsplit=1)
            assert hashlib.sha512(out.read(name.lstrip("*"))).hexdigest() == digest
        sent = {sip.read(name) for name in sip.namelist() if name != "manifest.xml"}
        assert sent <= {out.read(name) for name in out.namelist()}


def test_the_same_bytes_again_are_the_same_transfer(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip").read_bytes()
    with town.http() as http:
        answers = [
            http.post("/ingest/v1/transfers", params={"agreement": town.agreement}, content=package) for _ in range(2)
        ]
    with town.client() as client:
        assert client.wait(answers[0].json()["id"], 120).state == "accepted"
    with town.http() as http:
        answers.append(http.post("/ingest/v1/transfers", params={"agreement": town.agreement}, content=package))

    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_multipart_form_carries_the_same_package(town: Town, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip")
    with town.http() as http, package.open("rb") as file:
        answer = http.post(
            "/ingest/v1/transfers",
            params={"agreement": town.agreement_identifier},
            files={"note": ("", b"ignored"), "sip": ("sip.zip", file, "application/zip")},
        )
    assert answer.status_code == 202, answer.text
    with town.client() as client:
        transfer = client.wait(answer.json()["id"], 120)
    assert transfer.state == "accepted", transfer.findings
    assert transfer.body["sha512"] == hashlib.sha512(package.read_bytes()).hexdigest()


def test_an_archivist_decides_where_the_agreement_asks_for_it(archive: Archive, tmp_path: Path) -> None:
    asking = a_town(archive, decision="archivist")
    with asking.http() as http, archive.administrator() as admin:
        ids = []
        for number in range(2):
            content = a_package(tmp_path / f"{number}.zip").read_bytes()
            answer = http.post("/ingest/v1/transfers", params={"agreement": asking.agreement}, content=content)
            ids.append(answer.json()["id"])
        with asking.client() as client:
            for transfer_id in ids:
                until_state(client, transfer_id, "awaiting_decision")
            early = http.get(f"/ingest/v1/transfers/{ids[0]}/reply")
            admin.post(f"/ingest/v1/transfers/{ids[0]}/decision", {"decision": "accept"})
            admin.post(
                f"/ingest/v1/transfers/{ids[1]}/decision", {"decision": "refuse", "reason": "Déjà versé en 2019."}
            )
            accepted, refused = (client.wait(transfer_id, 120) for transfer_id in ids)
            reply = client.reply(ids[1])

    assert early.status_code == 409
    assert (accepted.state, refused.state) == ("accepted", "rejected")
    assert read_reply(reply).reply_code == "KO"
    assert "Déjà versé en 2019." in reply.decode()


def test_journals_keep_the_deposit_and_verify(archive: Archive, town: Town, tmp_path: Path) -> None:
    with town.client() as client:
        transfer = client.wait(client.deposit(a_package(tmp_path / "sip.zip"), town.agreement), 120)
    journal = f"archives.{town.establishment}"
    headers = {"Authorization": f"Bearer {archive.admin_token()}"}
    with httpx.Client(base_url=archive.base_url, headers=headers) as http:
        lines = http.get(f"/proof/v1/journals/{journal}/lines", params={"limit": 500}).json()["items"]
        verified = http.get(f"/proof/v1/journals/{journal}/verification").json()

    mine = [item["line"]["action"] for item in lines if item["line"]["transfer"] == transfer.id]
    assert {"transfer.received", "aip.built", "aip.stored", "transfer.accepted"} <= set(mine)
    assert [item["number"] for item in lines] == list(range(1, len(lines) + 1))
    assert verified["valid"] is True


def test_on_demand_the_journals_stand_on_both_sites_and_verify_there(all_in_one: AllInOne, tmp_path: Path) -> None:
    town = a_town(all_in_one.archive)
    with town.client() as client:
        transfer = client.wait(client.deposit(a_package(tmp_path / "sip.zip"), town.agreement), 120)
    assert transfer.state == "accepted", transfer.findings
    state = all_in_one.home / "all-in-one"

    asked = [sys.executable, "-m", "services", "journals", "close", "--json"]
    environment = {
        **room_environment(),
        "PYTHONPATH": str(Path(services.__file__).parents[1]),
        "CHARTRIER_HOME": str(all_in_one.home),
    }
    said = json.loads(subprocess.run(asked, env=environment, check=True, capture_output=True).stdout)

    name = f"archives.{town.establishment}"
    assert name in {one["journal"] for one in said["closed"]}
    assert eventually(lambda: not list((state / "staging" / "journals").glob("*.ndjson")))
    for site in ("site-a", "site-b"):
        folder = state / site / town.establishment / "journals" / "archives"
        rows = b"".join(path.read_bytes() for path in sorted(folder.iterdir())).splitlines()
        check = ChainCheck(name, Head())
        lines = [StoredLine(number, hashlib.sha512(row).digest(), row) for number, row in enumerate(rows, 1)]
        assert check.feed(lines) == []
        told = {line["action"] for line in map(json.loads, rows) if line["transfer"] == transfer.id}
        assert {"transfer.received", "aip.stored", "transfer.accepted"} <= told
