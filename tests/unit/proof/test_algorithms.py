"""The register of algorithms: what a file may say, and what a token's life is by it (GOV-12)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.proof.algorithms import ALWAYS, AT_NO_TIME, DEFAULTS, read_algorithms
from services.proof.domain.renewals import Renewed
from services.proof.domain.token_life import Key, life_of
from services.proof.renewal_calendar import TOGETHER, Lasting, batch
from services.proof.renewal_queries import Head
from services.proof.settings import ProofSettings
from shared.configuration import faults_of
from tests.builders.evidence import TIMES, YEARS, token

MARGIN = timedelta(days=180)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_the_register_of_this_version() -> None:
    known = read_algorithms()

    assert known.digest_ends("sha512") == ALWAYS
    assert [known.digest_ends(name) for name in ("md5", "sha1", "whirlpool")] == [AT_NO_TIME] * 3
    assert [known.key_ends("rsa", bits) for bits in (1024, 2048, 3072, 4096)] == [
        AT_NO_TIME,
        datetime(2031, 1, 1, tzinfo=UTC),
        *[datetime(2036, 1, 1, tzinfo=UTC)] * 2,
    ]
    assert (known.key_ends("ec", 255), known.key_ends("dsa", 3072)) == (AT_NO_TIME, AT_NO_TIME)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('sha1 = "never"', "sha1 = 2040-01-01", "sha1 proves nothing"),
        ('md5 = "never"', 'md5 = "none"', "md5 proves nothing"),
        ('renew_with = "sha3_512"', 'renew_with = "sha1"', "renew_with"),
        ('renew_with = "sha3_512"', 'renew_with = "whirlpool"', "renew_with"),
        ('sha256 = "none"', 'sha256 = "soon"', "a day"),
        ("2048 = 2031-01-01", "2048 = 2031", "a day"),
        ("2048 = 2031-01-01", "many = 2031-01-01", "invalid literal"),
        ("[digests]", "[digest]", "are expected"),
        ("[digests]", "[digests", "no TOML"),
    ],
)
def test_a_file_that_is_no_register_is_named_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, fault: str
) -> None:
    file = tmp_path / "algorithms.toml"
    text = DEFAULTS.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    monkeypatch.setenv("CHARTRIER_STAGING_URL", "file:///srv/staging")
    monkeypatch.setenv("CHARTRIER_ALGORITHMS", str(file))

    (found,) = faults_of((ProofSettings,))

    assert "CHARTRIER_ALGORITHMS" in str(found)
    assert fault in str(found)


async def test_the_life_of_a_token_is_that_of_its_certificates_and_algorithms() -> None:
    life = life_of(await token(b"\1" * 64, "sha512", TIMES[0]), None)

    assert life.ends == TIMES[0] - timedelta(days=30) + YEARS
    assert life.digests == {"sha256", "sha512"}
    assert Key("rsa", 2048) in life.keys
    known = read_algorithms()
    assert life.until(known.digest_ends, known.key_ends) == (life.ends, "certificate")
    later = life_of(await token(b"\1" * 64, "sha512", TIMES[1]), None)
    assert later.until(known.digest_ends, known.key_ends) == (datetime(2031, 1, 1, tzinfo=UTC), "rsa 2048")


def lasting(number: int, until: datetime, algorithm: str = "sha512") -> Lasting:
    own = Renewed("seal", number)
    return Lasting(Head(own, own, algorithm), until, "certificate")


def test_what_is_due_takes_along_what_will_be_soon() -> None:
    due, soon = lasting(1, NOW + MARGIN), lasting(2, NOW + MARGIN + TOGETHER)
    later = lasting(3, NOW + MARGIN + TOGETHER + timedelta(days=1))
    other = lasting(4, NOW + MARGIN, "sha384")
    for_long = NOW + timedelta(days=4000)

    assert batch([due, other, soon, later], for_long, NOW, MARGIN, 10) == [due, soon]
    assert batch([due, soon], for_long, NOW, MARGIN, 1) == [due]
    assert batch([soon], for_long, NOW, MARGIN, 10) == []
    # Nobody stamps for longer: a renewal would be no use.
    assert batch([due, soon], due.until, NOW, MARGIN, 10) == []
