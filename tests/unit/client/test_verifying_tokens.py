"""Time-stamp tokens: each rule that one can break, and the same tokens judged by openssl."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chartrier_client.verifying.algorithms import read_algorithms
from chartrier_client.verifying.checks import Report, Verdict
from chartrier_client.verifying.paths import Moments
from chartrier_client.verifying.stampers import judge_token
from chartrier_client.verifying.tokens import read_token
from chartrier_client.verifying.trust import Grounds
from tests.builders import pki
from tests.builders.pki import Wanted, issue
from tests.builders.proof_tokens import Stamper, a_stamper, token
from tests.unit.client.proof_files import NOW, assert_indeterminate, assert_invalid, assert_valid, reasons

AT = datetime(2026, 11, 20, 3, tzinfo=UTC)
IMPRINT = bytes(range(64))
ALGORITHMS = read_algorithms(
    '{"digests": {"md5": "never", "sha1": "never", "sha256": "2030-01-01", "sha512": null},'
    ' "keys": {"rsa": [{"bits": 0, "until": "never"}, {"bits": 2048, "until": "2031-01-01"}],'
    ' "ec": [{"bits": 0, "until": "never"}, {"bits": 256, "until": null}]}}'
)
GROUNDS = Grounds(NOW, ALGORITHMS, (pki.root().certificate,))


def judged(der: bytes, grounds: Grounds = GROUNDS, until: datetime | None = None, *, renewed: bool = False) -> Report:
    report = Report()
    read = read_token(der)
    judge_token(read, Moments(read.at, until or grounds.at, renewed=renewed), grounds, report.about("token"))
    return report


def a_token(by: Stamper) -> bytes:
    return token(IMPRINT, AT, by)


def signs(holder: pki.Holder) -> Stamper:
    return replace(a_stamper(), holder=holder)


@pytest.mark.parametrize(
    "by",
    [
        a_stamper(),
        a_stamper("RSA", key="2048"),
        replace(a_stamper(), digest="sha256", ess=1),
        replace(a_stamper("RSA", key="2048"), root=True),
        replace(a_stamper(), answers=(pki.ocsp_der(a_stamper().holder, pki.authority()),)),
    ],
    ids=["ecdsa", "rsa", "ess-v1", "root-embedded", "ocsp"],
)
def test_a_good_token_is_good_here_and_for_openssl(by: Stamper, tmp_path: Path) -> None:
    der = a_token(by)
    assert_valid(judged(der))

    (tmp_path / "token.tst").write_bytes(der)
    (tmp_path / "root.pem").write_bytes(pki.root().pem)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token.tst", "-digest", IMPRINT.hex()]
    at = str(int(AT.timestamp()))
    done = subprocess.run(
        [*command, "-CAfile", "root.pem", "-attime", at], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_good_token_with_pss_is_good() -> None:
    """`openssl ts` knows no RSASSA-PSS: nobody is asked."""
    assert_valid(judged(a_token(replace(a_stamper("RSA", key="2048"), pss=True))))


def test_a_good_token_of_openssl_is_good_here(tmp_path: Path) -> None:
    by = a_stamper("RSA", key="2048")
    (tmp_path / "tsa.pem").write_bytes(by.holder.pem)
    (tmp_path / "key.pem").write_bytes(by.holder.key_pem)
    (tmp_path / "chain.pem").write_bytes(pki.authority().pem)
    (tmp_path / "serial").write_text("01\n", encoding="ascii")
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=key.pem\ncerts=chain.pem\nsigner_digest=sha256\n"
        "default_policy=1.2.3.4.1\ndigests=sha512\ness_cert_id_alg=sha256\n",
        encoding="ascii",
    )
    for command in (
        ["ts", "-query", "-digest", IMPRINT.hex(), "-sha512", "-cert", "-out", "query"],
        [
            "ts",
            "-reply",
            "-config",
            "tsa.cnf",
            "-section",
            "tsa",
            "-queryfile",
            "query",
            "-token_out",
            "-out",
            "token",
        ],
    ):
        subprocess.run(["openssl", *command], cwd=tmp_path, capture_output=True, check=True)  # noqa: S607

    read = read_token((tmp_path / "token").read_bytes())
    crls = (pki.revocation_list(pki.root()), pki.revocation_list(pki.authority()))
    grounds = replace(GROUNDS, at=read.at + timedelta(days=1), crls=crls)

    assert read.imprint == IMPRINT
    assert_valid(judged(read.der, grounds))


def test_nobody_is_trusted_unless_said(tmp_path: Path) -> None:
    del tmp_path
    der = a_token(a_stamper())

    assert_indeterminate(judged(der, replace(GROUNDS, roots=())), ("certificate.root", "no_root_given"))
    other = replace(GROUNDS, roots=(pki.root("Une autre").certificate,))
    assert_invalid(judged(der, other), ("certificate.root", "root_not_trusted"))


def test_a_root_of_the_same_name_is_not_that_root() -> None:
    impostor = issue(Wanted("Racine", key="2048", authority=True))

    report = judged(a_token(a_stamper()), replace(GROUNDS, roots=(impostor.certificate,)))

    assert_invalid(report, ("certificate.root", "root_not_trusted"))


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (signs(pki.signer()), "not_a_stamper"),
        (replace(a_stamper(), with_certificates=False), "signer_unknown"),
        (replace(a_stamper(), digest="sha1"), "digest_unknown"),
    ],
)
def test_who_is_no_stamper_stamps_nothing(by: Stamper, reason: str) -> None:
    assert_invalid(judged(a_token(by)), ("token.signature", reason))


def test_a_name_under_another_key_is_another() -> None:
    mine, theirs = a_stamper(), a_stamper("RSA", key="2048")
    forged = replace(mine, holder=replace(mine.holder, key=a_stamper("Faux").holder.key))

    assert_invalid(judged(a_token(forged)), ("token.signature", "signature_wrong"))
    assert_valid(judged(a_token(theirs)))


def test_whoever_was_certified_by_somebody_who_may_not_is_nobody() -> None:
    below = issue(Wanted("Horodatage pirate", stamps=True), pki.signer())

    report = judged(a_token(signs(below)))

    assert_invalid(report, ("certificate.path", "not_an_authority"))


def test_certificates_hold_from_one_day_to_another() -> None:
    past = a_stamper("Passé", 2020, 2025)
    assert_invalid(judged(a_token(past)), ("certificate.validity", "not_in_force"))

    ends = a_stamper("Bref", 2026, 2027)
    later = datetime(2027, 6, 1, tzinfo=UTC)
    assert_valid(judged(a_token(ends)))
    alone, renewed = (judged(a_token(ends), until=later, renewed=each) for each in (False, True))
    assert reasons(alone) == {("certificate.validity", "ended_since")}
    assert alone.verdict is Verdict.INDETERMINATE
    assert_invalid(renewed, ("certificate.validity", "renewed_too_late"))


def test_revocation() -> None:
    by = a_stamper()
    lists = by.lists[:1]

    def listed(since: datetime) -> Stamper:
        crl = pki.revocation_list(pki.authority(), [(by.holder, since)])
        return replace(by, lists=(*lists, pki.der_of(crl)))  # type: ignore[arg-type]

    assert_invalid(judged(a_token(listed(AT - timedelta(days=1)))), ("certificate.revocation", "revoked"))
    assert_invalid(judged(a_token(listed(AT + timedelta(days=1)))), ("certificate.revocation", "revoked"))
    # What renewed the token before protects it.
    early = judged(a_token(listed(AT + timedelta(days=5))), until=AT + timedelta(days=2), renewed=True)
    assert_valid(early)


def test_without_revocation_data_nothing_is_sure() -> None:
    by = a_stamper()

    none = judged(a_token(replace(by, lists=())))
    forged = pki.revocation_list(replace(pki.authority(), key=pki.key_of("Faux")))
    strange = judged(a_token(replace(by, lists=(by.lists[0], pki.der_of(forged)))))  # type: ignore[arg-type]

    for report in (none, strange):
        assert_indeterminate(report, ("certificate.revocation", "no_revocation_data"))


def test_ocsp_answers_count_as_lists_do() -> None:
    by = a_stamper()
    lists = by.lists[:1]
    good = pki.ocsp_der(by.holder, pki.authority())
    revoked = pki.ocsp_der(by.holder, pki.authority(), AT)
    of_another = pki.ocsp_der(a_stamper("Autre").holder, pki.authority())
    forged = pki.ocsp_der(by.holder, issue(Wanted("Autorité", key="2048", authority=True)))

    for unsigned in (True, False):
        assert_valid(judged(a_token(replace(by, lists=lists, answers=(good,), answers_unsigned=unsigned))))
    assert_invalid(
        judged(a_token(replace(by, lists=lists, answers=(revoked,)))), ("certificate.revocation", "revoked")
    )
    for answer in (of_another, forged):
        report = judged(a_token(replace(by, lists=lists, answers=(answer,))))
        assert_indeterminate(report, ("certificate.revocation", "no_revocation_data"))


def test_algorithms_prove_until_their_end() -> None:
    der = a_token(replace(a_stamper(), digest="sha256"))
    after = datetime(2030, 1, 2, tzinfo=UTC)

    assert_valid(judged(der, until=datetime(2029, 12, 31, tzinfo=UTC)))
    assert_indeterminate(judged(der, until=after), ("algorithm", "algorithm_ended"))
    assert_invalid(judged(der, until=after, renewed=True), ("algorithm", "renewed_too_late_for_algorithm"))
    small = a_stamper("Petit", key="1024")
    assert_invalid(judged(a_token(small)), ("algorithm", "algorithm_refused"))


def test_a_token_of_tomorrow_proves_nothing_today() -> None:
    report = judged(a_token(a_stamper()), replace(GROUNDS, at=AT - timedelta(days=1)))

    assert_indeterminate(report, ("token.time", "stamped_later"))


def test_development_certificates_are_said_loudly() -> None:
    holder = issue(Wanted("Chartrier, développement, sans valeur probante", stamps=True), pki.authority())

    report = judged(a_token(signs(holder)))

    assert report.probative is False
    assert [remark.code for remark in report.remarks] == ["not_probative"]
