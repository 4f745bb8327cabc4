"""Attacks, by a superuser of the database and by whoever holds a site's keys: each is caught and named.

Offline wherever files suffice: the verifier of the client is given copies of a site, and roots; nothing else.
Requirements PRV-03, GOV-06. The table in docs/proof.md leads from each attack to its test.
"""

import base64
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from chartrier_client.administration import Mandate, create_client
from chartrier_client.verifying.checks import Outcome, Report
from services.proof.queries import WRITING
from tests.builders import rewriting
from tests.builders.proofs import Packed, receipt, receipt_payload
from tests.builders.rewriting import Change, rewritten
from tests.e2e.attacked import TOLD, Target, failed, faults
from tests.e2e.conftest import AllInOne
from trials.levers import until
from trials.towns import Town, a_package, a_town, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


class Attacked(Target):
    """Two towns whose archives are sealed, and a copy of a site as it then was."""

    def __init__(self, own: AllInOne) -> None:
        super().__init__(own)
        self.towns = [a_town(own.archive) for _ in range(2)]
        self.aips = [self.deposit(town) for town in self.towns]
        self.close()
        self.seal()
        self.seal()  # an anchor that names the first seal
        self.trust()
        self.site = self.copy(own.home / "copied")

    def deposit(self, town: Town) -> str:
        with town.client() as client:
            transfer = client.deposit(a_package(self.own.home / "sip.zip"), town.agreement)
            return str(until_state(client, transfer, "accepted").aip_id)

    def operator(self) -> httpx.Client:
        """Return the client of somebody who has audits made."""
        archive = self.own.archive
        with archive.administrator() as admin:
            made = create_client(admin, "exploitation", [Mandate("*", ("operator",))])
        return archive.http(archive.token(made.client_id, made.client_secret))

    def place(self, number: int, site: Path) -> Path:
        """Return where the AIP of a town lies on a site."""
        (place,) = site.glob(f"{self.towns[number].establishment}/aips/*/{self.aips[number]}-v1.tar")
        return place

    def container(self, kind: str, number: int, site: Path) -> Path:
        (place,) = site.glob(f"{self.towns[number].establishment}/journals/{kind}/*.ndjson")
        return place


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    own = AllInOne(tmp_path_factory.mktemp("attacked"))
    try:
        own.start()
        yield Attacked(own)
    finally:
        own.stop()


@pytest.fixture
def site(target: Attacked, tmp_path: Path) -> Path:
    """A site in the hands of whoever has its keys."""
    return Path(shutil.copytree(target.site, tmp_path / "site"))


def proof(site: Path, kind: str, number: int) -> Path:
    return site / "platform" / "proof" / f"{kind}s" / f"{number:016}.{'jws' if kind == 'anchor' else 'tar'}"


def unknown(report: Report) -> set[tuple[str, str]]:
    return {(check.what, check.reason) for check in report.checks if check.outcome is Outcome.COULD_NOT}


def test_of_a_site_nobody_touched_nothing_is_said(target: Attacked, site: Path) -> None:
    report = target.verify(site)

    assert failed(report) == []
    # Lines told since the containers were closed; and the authority within keeps no lists of what it revoked.
    assert unknown(report) <= {
        ("certificate.revocation", "no_revocation_data"),
        ("journal.head", "lines_not_here"),
        ("journal.sealed", "lines_not_here"),
        ("journal.proof", "lines_unproven"),
        ("journal.proof", "nothing_proves"),
    }
    archives = [check.value for check in report.unproven() if check.value.startswith("archives.")]
    assert archives == [], "nothing happened to archives since"
    well = {check.what for check in report.checks if check.outcome is Outcome.OK}
    assert {"journal.sealed", "package.sealed", "chain", "anchor.seal", "seal.anchor", "file.name"} <= well
    assert "package.written" in well


@pytest.mark.parametrize(
    "change",
    [rewriting.altered, rewriting.dropped, rewriting.reordered, rewriting.inserted, rewriting.without_batch],
)
def test_lines_in_a_container_changed_with_a_sites_keys(target: Attacked, site: Path, change: Change) -> None:
    place = target.container("archives", 0, site)
    lines = place.read_bytes().splitlines()
    # As clever as can be: numbered, chained and named anew.
    written = rewritten(lines, change)
    place.unlink()
    place.with_name(f"{1:016}-{len(written):016}.ndjson").write_bytes(b"".join(line + b"\n" for line in written))

    report = target.verify(site)

    journal = f"archives.{target.towns[0].establishment}"
    named = [check for check in report.checks if check.reason in ("line_is_another", "lines_not_here", "differs")]
    assert any(check.value.startswith(journal) for check in named), "the journal is not named"
    if len(written) >= len(lines):
        # Who says so: the anchors and seals that are there.
        assert ("journal.head", "line_is_another") in faults(report)
        assert any(check.target.endswith(".jws") or check.target.endswith(".tar") for check in failed(report))


def test_raw_lines_taken_out_of_a_container(target: Attacked, site: Path) -> None:
    place = target.container("archives", 0, site)
    first, _, *others = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join([first, *others]))

    assert {("journal.numbers", "line_missing")} <= faults(target.verify(site))


def test_an_aip_of_another_under_its_name(target: Attacked, site: Path) -> None:
    shutil.copyfile(target.place(1, site), target.place(0, site))

    report = target.verify(site)

    assert ("file.name", "differs") in faults(report)
    (remark,) = [one for one in report.remarks if one.code == "packages_not_here"]
    assert remark.facts["first"] == f"{target.aips[0]}-v1"


def test_an_aip_whose_tar_is_another(target: Attacked, site: Path) -> None:
    """Its files are the same: that bytes are behind them, only the write log tells."""
    place = target.place(0, site)
    place.write_bytes(place.read_bytes() + bytes(10240))

    assert ("package.written", "differs") in faults(target.verify(site))


def test_an_aip_of_other_bytes(target: Attacked, site: Path) -> None:
    place = target.place(0, site)
    place.write_bytes(place.read_bytes().replace(b"piece", b"piecf", 1))

    report = target.verify(site)

    assert any(check.what.startswith("package") and check.target == place.name for check in failed(report))


def test_a_seal_of_another_time(target: Attacked, site: Path) -> None:
    place = proof(site, "seal", 2)
    place.write_bytes(place.read_bytes().replace(b'"at":"20', b'"at":"19', 1))

    found = {check.what for check in failed(target.verify(site)) if check.target == place.name}

    assert {"seal.signed", "token.imprint"} <= found


def test_an_anchor_of_another_time(target: Attacked, site: Path) -> None:
    place = proof(site, "anchor", 2)
    header, payload, signature = place.read_bytes().split(b".")
    said = base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)).replace(b'"at":"20', b'"at":"19', 1)
    place.write_bytes(b".".join([header, base64.urlsafe_b64encode(said).rstrip(b"="), signature]))

    found = {(check.what, check.reason) for check in failed(target.verify(site)) if check.target == place.name}

    assert ("jws.signature", "signature_wrong") in found


@pytest.mark.parametrize("kind", ["anchor", "seal"])
def test_a_proof_replaced_by_another(target: Attacked, site: Path, kind: str) -> None:
    shutil.copyfile(proof(site, kind, 1), proof(site, kind, 2))

    assert ("file.name", "differs") in faults(target.verify(site))


def test_the_last_seals_taken_away(target: Attacked, site: Path) -> None:
    for place in (site / "platform" / "proof" / "seals").iterdir():
        if place != proof(site, "seal", 1):
            place.unlink()

    assert ("anchor.seal", "named_not_here") in unknown(target.verify(site))


def test_the_evidence_of_another_aip(target: Attacked, tmp_path: Path) -> None:
    records = []
    for number, identifier in enumerate(target.aips[:2]):
        with target.towns[number].http() as http:
            answer = http.get(f"/proof/v1/aips/{identifier}/evidence").raise_for_status()
        records.append(tmp_path / f"{number}.der")
        records[-1].write_bytes(answer.content)
    aip = target.place(0, target.site)
    assert failed(target.verify(aip, evidence=(records[0],))) == []

    report = target.verify(aip, evidence=(records[1],))

    assert ("record.group_complete", "not_in_group") in faults(report)


def test_a_receipt_that_the_archive_never_gave(target: Attacked, tmp_path: Path) -> None:
    aip = target.place(0, target.site)
    package = Packed(target.aips[0], (hashlib.sha512(b"another").digest(),))
    forged = tmp_path / "receipt.jws"
    forged.write_bytes(receipt(receipt_payload(package, aip.read_bytes())))

    report = target.verify(forged, aip, *(target.site / "platform" / "proof" / "seals").iterdir())

    assert {
        ("certificate.root", "root_not_trusted"),
        ("receipt.group", "differs"),
        ("receipt.sealed", "differs"),
    } <= faults(report)


REWRITTEN: dict[str, tuple[int, str, Change]] = {
    "altered": (2, "archives", rewriting.altered),
    "batch dropped": (3, "archives", rewriting.without_batch),
    "dropped": (2, "events", rewriting.dropped),
    "inserted": (3, "events", rewriting.inserted),
    "reordered": (2, "writes", rewriting.reordered),
    "back-dated": (0, "archives", rewriting.back_dated),
    "within the window": (1, "archives", rewriting.last_altered),
}
"""By attack: the town whose journal of which kind is rewritten, and how."""


@pytest.fixture(scope="module")
def after(target: Attacked) -> tuple[Attacked, Report]:
    """The database rewritten by its superuser, then everything closed and sealed as if nothing had happened."""
    target.towns += [a_town(target.own.archive) for _ in range(2)]
    target.aips += [target.deposit(town) for town in target.towns[2:]]
    target.seal()
    for number in (0, 1, 3):  # after the last anchor: within the window
        target.deposit(target.towns[number])
    target.rest()

    async def rewrite(connection: asyncpg.Connection) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", WRITING)
        for number, kind, change in REWRITTEN.values():
            await rewriting.rewrite(connection.fetch, f"{kind}.{target.towns[number].establishment}", change)

    target.as_superuser(rewrite)
    target.close()
    return target, target.verify(target.copy(target.own.home / "rewritten"))


@pytest.mark.parametrize("attack", [name for name in REWRITTEN if name != "within the window"])
def test_a_journal_rewritten_by_a_superuser(after: tuple[Attacked, Report], attack: str) -> None:
    target, report = after
    number, kind, _ = REWRITTEN[attack]
    journal = f"{kind}.{target.towns[number].establishment}"

    named = {(check.what, check.reason) for check in report.unproven() if check.value.startswith(f"{journal} ")}

    wanted = {
        "back-dated": ("journal.time", "line_misdated"),
        # Nothing came after: that its end is not here is all that files tell.
        "dropped": ("journal.head", "lines_not_here"),
    }
    assert wanted.get(attack, ("journal.head", "line_is_another")) in named


def test_what_no_anchor_had_can_be_rewritten_unseen(after: tuple[Attacked, Report]) -> None:
    target, report = after
    journal = f"archives.{target.towns[1].establishment}"

    said = [check for check in report.unproven() if journal in check.value]

    # Nothing proves these lines yet, which is told; that one is another is not (docs/proof.md, the window).
    assert {(check.what, check.reason) for check in said} == {("journal.proof", "lines_unproven")}


def test_the_room_itself_sees_that_a_seal_had_other_lines(after: tuple[Attacked, Report]) -> None:
    target, _ = after
    journal = f"archives.{target.towns[2].establishment}"

    with target.own.archive.http(target.own.archive.admin_token()) as http:
        found = http.get(f"/proof/v1/journals/{journal}/verification").raise_for_status().json()

    assert found["valid"] is False
    assert {one["code"] for one in found["anomalies"]} == {"sealed_head_mismatch"}


def outcomes(target: Attacked) -> dict[tuple[str, str], str]:
    """Have every AIP of every site read now, and return what was not found whole."""
    with target.operator() as http:
        asked = http.post("/storage/v1/audits/samples", json={"count": 1000, "kind": "aip"}).raise_for_status()
        where = asked.headers["Location"]

        def ended() -> dict[str, Any]:
            run: dict[str, Any] = http.get(where).raise_for_status().json()
            return run if run["ended_at"] else {}

        run = until(ended)
    return {(one["site"], one["key"]): one["outcome"] for one in run["named"]}


@pytest.mark.parametrize("sites", [("site-a",), ("site-a", "site-b")])
def test_an_aip_swapped_on_live_sites_is_named_by_an_audit(target: Attacked, sites: tuple[str, ...]) -> None:
    for name in sites:
        there = target.state / name
        place = target.place(0, there)
        place.chmod(0o600)
        place.write_bytes(target.place(1, there).read_bytes())
    key = target.place(0, target.state / "site-a").relative_to(target.state / "site-a").as_posix()

    found = outcomes(target)

    assert set(found) == {(name, key) for name in sites}


def test_a_batch_that_never_came_is_waited_for(target: Attacked) -> None:
    async def lose(connection: asyncpg.Connection) -> None:
        await connection.execute("UPDATE ingest.journal_head SET batch = batch + 1")

    until(lambda: target.count(TOLD) == 0)
    held = int(target.as_superuser(lambda db: db.fetchval("SELECT batch FROM proof.sender WHERE name = 'ingest'")))
    target.as_superuser(lose)
    with target.towns[1].client() as client:
        client.deposit(a_package(target.own.home / "lost.zip"), target.towns[1].agreement)

    def gap() -> dict[str, Any]:
        with target.own.archive.http(target.own.archive.admin_token()) as http:
            senders = http.get("/proof/v1/journals/senders").raise_for_status().json()["items"]
        return next(one["gap"] or {} for one in senders if one["sender"] == "ingest")

    assert until(gap)["from"] == held + 1
