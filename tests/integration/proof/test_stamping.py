"""Time-stamps: two authorities that are `openssl ts`, each token checked whole and verified by openssl (PRV-04)."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.serialization import Encoding

from services.proof.signing.chains import read_certificates
from services.proof.stamping.authority import RemoteAuthority
from services.proof.stamping.builtin import BuiltinAuthority
from services.proof.stamping.errors import NobodyStamps
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.measures import ANSWERS, ASKED
from services.proof.stamping.stamper import Stamped, Stamper
from shared.clock import now
from tests.builders import pki
from tests.builders.time_stamper import (
    FAILURES,
    LIES,
    POLICY,
    ATimeStamper,
    is_der,
    running_time_stamper,
    verified_by_openssl,
)

DIGEST = hashlib.sha512(b"what is sealed").digest()


@pytest.fixture(scope="module")
def first_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ATimeStamper]:
    with running_time_stamper(tmp_path_factory.mktemp("first") / "it", name="la première") as it:
        yield it


@pytest.fixture(scope="module")
def second_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ATimeStamper]:
    with running_time_stamper(
        tmp_path_factory.mktemp("second") / "it", name="la seconde", ess="sha1", answers=True, brings=False
    ) as it:
        yield it


def _as_new(it: ATimeStamper) -> ATimeStamper:
    it.behaves, it.at, it.publishes, it.revoked, it.listed = "well", None, True, None, None
    it.asked.clear()
    it.paths.clear()
    it.released.clear()
    return it


@pytest.fixture
def first(first_running: ATimeStamper) -> ATimeStamper:
    """It brings its certificates along, unsorted, and publishes lists."""
    return _as_new(first_running)


@pytest.fixture
def second(second_running: ATimeStamper) -> ATimeStamper:
    """It brings its own certificate alone, named by SHA-1, and answers by OCSP."""
    return _as_new(second_running)


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(seconds=5)
    yield fetcher
    await fetcher.close()


def authority(it: ATimeStamper, fetcher: Fetcher, *, strict: bool = False) -> RemoteAuthority:
    anchors = read_certificates(it.roots)
    between = () if it.brings else (Certificate.load(it.authority.der),)
    return RemoteAuthority(it.name, f"{it.url}/tsa", POLICY, anchors, between, fetcher, requires_revocation=strict)


def verified(stamped: Stamped, it: ATimeStamper, folder: Path, at: datetime | None = None) -> bool:
    return verified_by_openssl(stamped.token, DIGEST, it.roots, folder, at) == "Verification: OK"


async def test_a_token_holds_all_that_verifies_it_and_openssl_says_so(
    first: ATimeStamper, fetcher: Fetcher, tmp_path: Path
) -> None:
    """PRV-04."""
    stamped = await Stamper([authority(first, fetcher, strict=True)], fetcher).stamp(DIGEST, "sha512")

    signed = cms.ContentInfo.load(stamped.token, strict=True)["content"]
    subjects = {one.chosen.subject.native["common_name"] for one in signed["certificates"]}
    assert subjects == {f"{what} de la première" for what in ("Racine", "Certification", "Horodatage")}
    assert [one.name for one in signed["crls"]] == ["crl", "crl"]
    assert verified(stamped, first, tmp_path)
    assert (stamped.authority, stamped.probative, stamped.revocation) == ("la première", True, True)
    assert stamped.certificate_ends == pki.CLOSES
    assert abs(stamped.drift) < 5
    assert abs(stamped.at - now()) < timedelta(seconds=5)
    assert stamped.serial > 0


async def test_a_token_in_ber_is_read_and_kept_in_der(first: ATimeStamper, fetcher: Fetcher, tmp_path: Path) -> None:
    """Authorities write BER, and sets in any order; RFC 4998 takes digests of a token in DER."""
    first.behaves = "in BER"

    stamped = await Stamper([authority(first, fetcher, strict=True)], fetcher).stamp(DIGEST, "sha512")

    assert verified(stamped, first, tmp_path)
    assert is_der(stamped.token)


async def test_what_a_token_lacks_is_the_operators_and_answers_lie_where_openssl_reads_past_them(
    second: ATimeStamper, fetcher: Fetcher, tmp_path: Path
) -> None:
    stamped = await Stamper([authority(second, fetcher, strict=True)], fetcher).stamp(DIGEST, "sha512")

    signed = cms.ContentInfo.load(stamped.token, strict=True)["content"]
    assert len(signed["certificates"]) == 3
    assert [one["type"].dotted for one in signed["signer_infos"][0]["unsigned_attrs"]] == [
        "1.2.840.113549.1.9.16.2.24"
    ]
    assert [one.name for one in signed["crls"]] == ["crl"]
    assert verified(stamped, second, tmp_path)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384"])
async def test_each_digest_may_be_stamped(
    first: ATimeStamper, fetcher: Fetcher, tmp_path: Path, algorithm: str
) -> None:
    digest = hashlib.new(algorithm, b"x").digest()

    stamped = await Stamper([authority(first, fetcher)], fetcher).stamp(digest, algorithm)

    assert verified_by_openssl(stamped.token, digest, first.roots, tmp_path) == "Verification: OK"


@pytest.mark.parametrize(("behaves", "why"), [*LIES.items(), *FAILURES.items()])
async def test_the_next_authority_stamps_where_one_fails_or_lies(
    first: ATimeStamper, second: ATimeStamper, behaves: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """PRV-11."""
    fetcher = Fetcher(seconds=0.5 if behaves == "slowly" else 5)
    stamper = Stamper([authority(first, fetcher), authority(second, fetcher)], fetcher)
    if behaves == "the first token":
        await Stamper([authority(first, fetcher)], fetcher).stamp(DIGEST, "sha512")
    first.behaves = behaves

    stamped = await stamper.stamp(DIGEST, "sha512")

    assert stamped.authority == "la seconde"
    assert [why in str(vars(record)["reason"]) for record in caplog.records if record.message == "not stamped"] == [
        True
    ]
    assert ANSWERS.labels("la première")._value.get() == 0  # noqa: SLF001
    first.released.set()
    await fetcher.close()


async def test_nothing_is_asked_of_addresses_in_certificates_that_lead_nowhere(
    first: ATimeStamper, second: ATimeStamper, fetcher: Fetcher
) -> None:
    """Anybody may write a token: proof is not sent to any address of theirs."""
    first.behaves = "a stranger"
    undeclared = replace(authority(second, fetcher), others=())

    for each in (authority(first, fetcher), undeclared):
        with pytest.raises(NobodyStamps):
            await Stamper([each], fetcher).stamp(DIGEST, "sha512")

    assert (first.paths, second.paths) == ([], [])


async def test_nobody_stamps_and_then_somebody_does(
    first: ATimeStamper, second: ATimeStamper, fetcher: Fetcher
) -> None:
    """PRV-11: nothing is skipped, whoever asked tries again."""
    stamper = Stamper([authority(first, fetcher), authority(second, fetcher)], fetcher)
    first.behaves, second.behaves = "an error", "a refusal"
    away, refused = ASKED.labels("la première", "away"), ASKED.labels("la seconde", "refused")
    before = (away._value.get(), refused._value.get())  # noqa: SLF001

    with pytest.raises(NobodyStamps):
        await stamper.stamp(DIGEST, "sha512")

    assert (away._value.get(), refused._value.get()) == (before[0] + 1, before[1] + 1)  # noqa: SLF001
    first.behaves = "well"
    assert (await stamper.stamp(DIGEST, "sha512")).authority == "la première"


async def test_an_authority_that_listens_no_more_is_away(tmp_path: Path, fetcher: Fetcher) -> None:
    with running_time_stamper(tmp_path / "it", name="partie") as it:
        gone = authority(it, fetcher)

    with pytest.raises(NobodyStamps):
        await Stamper([gone], fetcher).stamp(DIGEST, "sha512")


async def test_authorities_take_turns(first: ATimeStamper, second: ATimeStamper, fetcher: Fetcher) -> None:
    stamper = Stamper([authority(first, fetcher), authority(second, fetcher)], fetcher)

    by = [(await stamper.stamp(DIGEST, "sha512")).authority for _ in range(3)]

    assert by == ["la première", "la seconde", "la première"]


async def test_a_revoked_time_stamper_is_not_believed(
    first: ATimeStamper, second: ATimeStamper, fetcher: Fetcher
) -> None:
    for it in (first, second):
        it.revoked = datetime(2026, 11, 2, tzinfo=UTC)

        with pytest.raises(NobodyStamps):
            await Stamper([authority(it, fetcher)], fetcher).stamp(DIGEST, "sha512")


def listed(by: pki.Holder, *revoked: tuple[pki.Holder, datetime], until: datetime = pki.CLOSES) -> bytes:
    return pki.revocation_list(by, revoked, until=until).public_bytes(Encoding.DER)


@pytest.mark.parametrize("bad", ["of no use", "another's", "of before"])
async def test_a_bad_list_is_not_kept_and_hides_no_answer(tmp_path: Path, fetcher: Fetcher, bad: str) -> None:
    with running_time_stamper(tmp_path / "it", name="la première") as it:
        wanted = pki.Wanted("Horodatage de la première", key="2048", stamps=True)
        both = replace(wanted, listed_at=f"{it.url}/authority.crl", answered_at=f"{it.url}/ocsp")
        it.replace(pki.issue(both, it.authority))
        same_name = pki.issue(pki.Wanted("Certification de la première", authority=True, key="ec again"), it.root)
        it.listed = {
            "of no use": b"<html>",
            "another's": listed(same_name),
            "of before": listed(it.authority, until=pki.LISTED + timedelta(days=1)),
        }[bad]

        stamped = await Stamper([authority(it, fetcher, strict=True)], fetcher).stamp(DIGEST, "sha512")

    signed = cms.ContentInfo.load(stamped.token, strict=True)["content"]
    issuers = [one.chosen.issuer.native["common_name"] for one in signed["crls"]]
    assert issuers == ["Racine de la première"]
    assert (stamped.revocation, "/ocsp" in it.paths) == (True, True)


async def test_a_list_of_before_may_still_say_no(first: ATimeStamper, fetcher: Fetcher) -> None:
    day = pki.LISTED + timedelta(days=1)
    first.listed = listed(first.authority, (first.own, day), until=day)

    with pytest.raises(NobodyStamps):
        await Stamper([authority(first, fetcher)], fetcher).stamp(DIGEST, "sha512")


async def test_a_token_without_word_of_revocation_is_kept_and_told_or_refused_as_is_set(
    first: ATimeStamper, fetcher: Fetcher, tmp_path: Path
) -> None:
    first.publishes = False

    stamped = await Stamper([authority(first, fetcher)], fetcher).stamp(DIGEST, "sha512")

    assert not stamped.revocation
    assert verified(stamped, first, tmp_path)
    with pytest.raises(NobodyStamps):
        await Stamper([authority(first, fetcher, strict=True)], fetcher).stamp(DIGEST, "sha512")


async def test_the_time_is_compared_with_the_clock_that_is_given(
    first: ATimeStamper, fetcher: Fetcher, tmp_path: Path
) -> None:
    """PRV-10: the drift between token and host is told, and beyond the limit the token is refused."""
    first.at = day = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    told: list[tuple[str, timedelta]] = []

    def stamper(behind: float) -> Stamper:
        return Stamper(
            [authority(first, fetcher)],
            fetcher,
            clock=lambda: day - timedelta(seconds=behind),
            drifted=lambda source, drift: told.append((source, drift)),
        )

    stamped = await stamper(9).stamp(DIGEST, "sha512")
    with pytest.raises(NobodyStamps):
        await stamper(12).stamp(DIGEST, "sha512")

    assert (stamped.at, stamped.drift) == (day, 9.0)
    assert told == [("la première", timedelta(seconds=9)), ("la première", timedelta(seconds=12))]
    assert verified(stamped, first, tmp_path, at=day)


async def test_the_built_in_authority_says_that_it_proves_nothing(fetcher: Fetcher, tmp_path: Path) -> None:
    built_in = BuiltinAuthority(tmp_path)

    stamped = await Stamper([built_in], fetcher).stamp(DIGEST, "sha512")

    roots = tmp_path / "roots.pem"
    roots.write_bytes(pki.pem_of(built_in.anchors))
    assert verified_by_openssl(stamped.token, DIGEST, roots, tmp_path) == "Verification: OK"
    assert (stamped.authority, stamped.probative, stamped.revocation) == ("builtin", False, False)
    signed = cms.ContentInfo.load(stamped.token)["content"]
    assert all("sans valeur probante" in one.chosen.subject.human_friendly for one in signed["certificates"])
    assert pki.pem_of(BuiltinAuthority(tmp_path).anchors) == pki.pem_of(built_in.anchors)


async def test_who_publishes_slowly_delays_a_token_by_so_much_and_no_more(
    first: ATimeStamper, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.proof.stamping.revocation.MOST_SECONDS", 0.0)

    stamped = await Stamper([authority(first, fetcher)], fetcher).stamp(DIGEST, "sha512")

    assert not stamped.revocation
