"""Deposits are judged by the archival profiles of their agreement: which one, what it finds, what is kept of that."""

import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.ingest import deciding, handlers, queries
from services.ingest.domain.transfer import TransferState
from services.ingest.profiles import keep_profiles
from services.ingest.queries import Transfer
from services.ingest.worker import ProfileUnusable
from shared.calls import RoomCalls, RoomUnavailable
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.admin import AgreementV1, ProfilePublishedV1, ProfileReferenceV1
from shared.settings import RoomSettings
from tests.builders.callers import a_token
from tests.builders.profiles import relaxng, transfer, xsd
from tests.builders.sips import AFile, ASip, AUnit
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_dry_runs import dry_run

pytestmark = pytest.mark.integration

ONE_FILE = (AFile("titre.pdf"),)
PES = ASip(files=ONE_FILE, units=(AUnit("Titre de recettes", files=(0,)),))
"""What the profiles here are for: one unit, one file."""


@dataclass
class Desk:
    """Those who make and approve profiles at the real admin."""

    bench: Bench
    author: httpx.AsyncClient
    control: httpx.AsyncClient

    async def profile(
        self, content: str | None = None, kind: str = "relaxng", name: str = "PES"
    ) -> ProfileReferenceV1:
        """Make a profile of the platform with one approved version."""
        identifier = f"{name}-{uuid4()}"
        made = (await self.author.post("/admin/v1/profiles", json={"identifier": identifier, "name": name})).json()
        return await self.version(made["id"], identifier, relaxng() if content is None else content, kind)

    async def version(self, profile: str, identifier: str, content: str, kind: str = "relaxng") -> ProfileReferenceV1:
        path = f"/admin/v1/profiles/{profile}/versions"
        taken = await self.author.post(path, params={"kind": kind}, content=content)
        assert taken.status_code == 201, taken.text
        number = taken.json()["version"]
        assert (await self.control.post(f"{path}/{number}/approve", json={})).status_code == 200
        return ProfileReferenceV1.model_validate({**taken.json(), "identifier": identifier})


@pytest.fixture
async def desk(bench: Bench) -> AsyncIterator[Desk]:
    def caller(subject: str) -> httpx.AsyncClient:
        token = a_token(Role.ARCHIVIST, subject=subject)
        return httpx.AsyncClient(base_url=bench.admin, headers={"Authorization": f"Bearer {token}"})

    async with caller("author") as author, caller("control") as control:
        yield Desk(bench, author, control)


async def judged(
    bench: Bench, *profiles: ProfileReferenceV1, sip: ASip = PES, named: str | None = None, **terms: object
) -> Transfer:
    """Deposit a SIP under an agreement with these profiles, and have it checked."""
    agreement = await bench.agreement(profiles=[one.model_dump() for one in profiles], **terms)
    return await judged_under(bench, agreement, sip, named)


async def judged_under(bench: Bench, agreement: AgreementV1, sip: ASip = PES, named: str | None = None) -> Transfer:
    content = bench.sip(replace(sip, archival_profile=named, message_identifier=f"m-{uuid4()}"))
    deposited = await bench.deposit(content, agreement)
    await bench.process()
    return await bench.transfer(deposited.id)


def found(transfer: Transfer) -> list[tuple[str, str]]:
    return [(each["code"], each["severity"]) for each in transfer.findings if each["code"].startswith("PROFILE")]


def applied(reference: ProfileReferenceV1) -> dict[str, Any]:
    return reference.model_dump(include={"identifier", "version", "kind", "sha512"})


KINDS = [
    ("relaxng", relaxng(), relaxng(level="File")),
    ("xsd-1.0", transfer(), transfer().replace('name="ArchivalAgency"', 'name="Commune"')),
    ("xsd-1.1", transfer(assertion="count(.//ArchiveUnit) eq 1"), transfer(assertion="count(.//ArchiveUnit) eq 2")),
]


@pytest.mark.parametrize(("kind", "fitting", "strict"), KINDS, ids=[kind for kind, _, _ in KINDS])
async def test_each_kind_of_profile_lets_pass_and_refuses(
    bench: Bench, desk: Desk, kind: str, fitting: str, strict: str
) -> None:
    good, bad = await desk.profile(fitting, kind), await desk.profile(strict, kind)

    passed = await judged(bench, good, named=good.identifier)
    refused = await judged(bench, bad, named=bad.identifier)

    assert (passed.state, found(passed), passed.profile) == (TransferState.STORING, [], applied(good))
    assert (refused.state, refused.profile) == (TransferState.REJECTED, applied(bad))
    assert set(found(refused)) == {("PROFILE_INVALID", "error")}
    first = next(each for each in refused.findings if each["code"] == "PROFILE_INVALID")
    assert first["params"]["path"].startswith("/ArchiveTransfer")
    assert first["place"].startswith("manifest.xml:")


async def test_errors_have_their_place_and_their_reason_in_both_languages(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile(relaxng())
    two = AUnit("Dossier", "RecordGrp", units=(AUnit("Titre", files=(0,)),))

    refused = await judged(bench, profile, sip=ASip(files=ONE_FILE, units=(two,)), named=profile.identifier)

    (told,) = [each for each in refused.findings if each["code"] == "PROFILE_INVALID"]
    params = told["params"]
    assert params["path"] == "/ArchiveTransfer/DataObjectPackage/DescriptiveMetadata/ArchiveUnit/ArchiveUnit"
    assert params["reason"] == "Expecting element DataObjectReference, got ArchiveUnit"
    assert params["reason_fr"] == "l’élément « DataObjectReference » est attendu, et non « ArchiveUnit »"
    assert (params["profile"], params["version"]) == (profile.identifier, "1")


async def test_which_profile_is_applied(bench: Bench, desk: Desk) -> None:
    one, other = await desk.profile(name="A"), await desk.profile(name="B")

    named = await judged(bench, one, other, named=other.identifier)
    alone = await judged(bench, one)
    unnamed = await judged(bench, one, other)
    unknown = await judged(bench, one, other, named="AUTRE")
    missing = await judged(bench, one, profile_required=True)
    without = await judged(bench, named="AUTRE")

    assert (found(named), named.profile) == ([], applied(other))
    assert (found(alone), alone.profile) == ([], applied(one))
    assert (found(unnamed), unnamed.profile) == ([("PROFILE_MISSING", "info")], None)
    assert (found(unknown), unknown.state) == ([("PROFILE_UNKNOWN", "error")], TransferState.REJECTED)
    assert (found(missing), missing.state) == ([("PROFILE_MISSING", "error")], TransferState.REJECTED)
    assert (found(without), without.profile, without.state) == ([], None, TransferState.STORING)


async def test_a_profile_for_another_version_of_seda_is_told_and_judges_nothing(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile(relaxng(version="2.2"))

    refused = await judged(bench, profile, named=profile.identifier)

    (told,) = [each for each in refused.findings if each["code"].startswith("PROFILE")]
    assert (told["code"], told["params"]["expected"], told["params"]["found"]) == ("PROFILE_OTHER_SEDA", "2.2", "2.1")
    assert refused.profile is None


def withdrawal(reference: ProfileReferenceV1, revision: int = 2) -> ProfilePublishedV1:
    return ProfilePublishedV1(
        reference=reference,
        establishment=None,
        name="PES",
        state="withdrawn" if revision == 2 else "approved",
        revision=revision,
        approved_by="client:control",
    )


async def test_a_withdrawn_profile_judges_nothing_new_whatever_order_news_come_in(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile()
    for revision in (2, 1, 2):
        async with bench.database.begin() as tx:
            await keep_profiles(tx, [withdrawal(profile, revision)])

    refused = await judged(bench, profile, named=profile.identifier)

    assert (found(refused), refused.profile) == ([("PROFILE_WITHDRAWN", "error")], None)


async def test_a_deposit_keeps_the_version_it_was_judged_by(bench: Bench, desk: Desk) -> None:
    first = await desk.profile()
    agreement = await bench.agreement(profiles=[first.model_dump()], decision="archivist")
    waiting = await judged_under(bench, agreement, named=first.identifier)
    second = await desk.version(str(first.profile), first.identifier, relaxng(level="File"))
    newer = agreement.model_copy(update={"version": 2, "profiles": (second,)})
    async with bench.database.begin() as tx:
        await queries.keep_agreement(tx.connection, newer)
        await keep_profiles(tx, [withdrawal(first)])

    await deciding.decide(bench.ingest, waiting.id, "client:archivist", accept=True, reason="")
    await bench.process()

    decided = await bench.transfer(waiting.id)
    assert decided.profile == applied(first)
    premis = member(await bench.staged(handlers.aip_key(UUID(str(decided.aip_id)))), "premis.xml")
    assert f"archival profile {first.identifier} version 1 (relaxng), SHA-512 {first.sha512}" in premis
    (line,) = await bench.lines("aip.built")
    assert (line.details["profile"], line.details["profile_sha512"]) == (f"{first.identifier} 1", first.sha512)


def member(aip: bytes, name: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(aip)) as tar:
        (wanted,) = [each for each in tar.getmembers() if each.name.endswith(f"/{name}")]
        stream = tar.extractfile(wanted)
        assert stream is not None
        return stream.read().decode()


async def test_a_profile_in_xsd_1_1_is_among_the_software_of_the_aip(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile(transfer(assertion="count(.//ArchiveUnit) le 9"), "xsd-1.1")

    passed = await judged(bench, profile)

    premis = member(await bench.staged(handlers.aip_key(UUID(str(passed.aip_id)))), "premis.xml")
    assert "xmlschema" in premis


async def test_a_manifest_beyond_the_profiles_own_limit_is_not_judged_by_it(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile(relaxng(level="File"))
    settings = bench.ingest.settings.model_copy(update={"max_profile_bytes": 1000})
    bounded = replace(bench, ingest=replace(bench.ingest, settings=settings))

    refused = await judged(bounded, profile)

    (told,) = [each for each in refused.findings if each["code"].startswith("PROFILE")]
    assert (told["code"], told["severity"], told["params"]["limit"]) == ("PROFILE_TOO_LARGE", "error", "1000")
    assert int(told["params"]["size"]) > 1000


async def test_while_admin_is_away_the_check_waits_and_what_is_kept_needs_it_no_more(
    bench: Bench, desk: Desk, admin_settings: RoomSettings
) -> None:
    profile = await desk.profile()
    nobody = RoomCalls(admin_settings.model_copy(update={"room_urls": {"admin": "http://127.0.0.1:9"}}), "ingest")
    alone = replace(bench, ingest=replace(bench.ingest, calls=nobody))
    agreement = await bench.agreement(profiles=[profile.model_dump()])
    deposited = await bench.deposit(bench.sip(PES), agreement)

    with pytest.raises(RoomUnavailable):
        await alone.process()
    await bench.release()
    await bench.process()
    kept = await judged_under(alone, agreement)
    await nobody.close()

    waited = await bench.transfer(deposited.id)
    assert (waited.state, waited.profile) == (TransferState.STORING, applied(profile))
    assert kept.profile == applied(profile)


async def test_bytes_that_are_not_those_approved_are_not_believed(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile()
    other = profile.model_copy(update={"id": new_id(), "sha512": hashlib.sha512(b"other").hexdigest()})
    agreement = await bench.agreement(profiles=[other.model_dump()])
    deposited = await bench.deposit(bench.sip(PES), agreement)

    with pytest.raises(RoomUnavailable, match="other bytes"):
        await bench.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.CHECKING


async def test_a_profile_that_no_longer_compiles_is_no_fault_of_the_deposit(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile()
    # As if a later libxml2 no longer took it: announced as a kind that it is not.
    strange = profile.model_copy(update={"kind": "xsd-1.0"})
    agreement = await bench.agreement(profiles=[strange.model_dump()])
    deposited = await bench.deposit(bench.sip(PES), agreement)

    with pytest.raises(ProfileUnusable):
        await bench.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.CHECKING


# Python looks for ways to part the title's letters, as many as there are: libxml2 does not take patterns so.
STUCK = xsd(
    """<xs:element name="ArchiveTransfer"><xs:complexType><xs:sequence>
      <xs:element name="Comment"><xs:simpleType><xs:restriction base="xs:string">
        <xs:pattern value="((.+)+)+£"/></xs:restriction></xs:simpleType></xs:element>
      <xs:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence></xs:complexType></xs:element>"""
)


async def test_a_profile_that_takes_for_ever_refuses_and_the_next_deposit_is_judged(bench: Bench, desk: Desk) -> None:
    stuck, profile = await desk.profile(STUCK, "xsd-1.1"), await desk.profile()
    settings = bench.ingest.settings.model_copy(update={"profile_seconds": 1})
    hasty = replace(bench, ingest=replace(bench.ingest, settings=settings))

    refused = await judged(hasty, stuck)
    passed = await judged(bench, profile)

    (told,) = [each for each in refused.findings if each["code"].startswith("PROFILE")]
    assert (told["code"], told["params"]["limit"]) == ("PROFILE_TOO_SLOW", "1")
    assert (refused.state, refused.profile) == (TransferState.REJECTED, applied(stuck))
    assert passed.state is TransferState.STORING


async def test_a_dry_run_is_told_the_same_and_by_which_profile(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile(relaxng(level="File"))

    run = await dry_run(bench, bench.sip(PES), await bench.agreement(profiles=[profile.model_dump()]))

    assert (run.state, run.profile) == (TransferState.JUDGED, applied(profile))
    assert found(run) == [("PROFILE_INVALID", "error")]
    (line,) = await bench.lines("transfer.judged")
    assert (line.outcome, line.details["profile"]) == ("ko", f"{profile.identifier} 1")


async def test_a_manifest_that_cannot_be_read_is_judged_by_no_profile(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile()

    refused = await judged(bench, profile, sip=replace(PES, manifest=b"<ArchiveTransfer"))

    assert (found(refused), refused.profile) == ([], None)


async def test_the_refusal_is_in_the_reply_by_the_code_of_its_vocabulary(bench: Bench, desk: Desk) -> None:
    profile = await desk.profile(relaxng(level="File"))

    refused = await judged(bench, profile, reply_codes="numeric")

    reply = (await bench.staged(f"replies/{refused.id}.xml")).decode()
    assert "<ReplyCode>203</ReplyCode>" in reply
    (line,) = await bench.lines("transfer.rejected")
    assert line.details["profile_sha512"] == profile.sha512
