"""What was decided beside the archives: which profile judged, which keys signed, what was refused meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid5

import pytest
import rfc8785

from bench.kept_sites import NOON, KeptSite
from services.admin.domain.signing_key import State, states
from services.admin.queries import keys
from services.storage.decisions import SIGNING_KEYS
from services.storage.domain.keys import record_key
from shared.checksums import sha512_of
from shared.messages.admin import AgreementPublishedV1, ProfileReferenceV1, SigningKeyPublishedV1
from shared.messages.journal import JournalLineV1
from shared.messages.message import Message
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def body(message: Message) -> bytes:
    return rfc8785.dumps({"topic": message.topic, "fact": message.model_dump(mode="json")})


def plant(ruins: Ruins, key: str, content: bytes) -> None:
    for folder in ruins.folders:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)


def said(kept: KeptSite, action: str, about: str, **details: str | int) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action=action,
        actor="operator:kept",
        object=about,
        establishment=kept.establishment,
        occurred_at=NOON,
        details=details,
    )


PROFILE = sha512_of(b"piece")


async def test_the_profile_of_a_transfer_is_that_of_its_version_of_the_agreement(ruins: Ruins) -> None:
    kept = KeptSite(seed="profiled")
    listed = ProfileReferenceV1(
        id=kept.id("profile version"),
        profile=kept.id("profile"),
        identifier="PIECE",
        version=1,
        kind="relaxng",
        sha512=PROFILE,
        size=5,
        seda_versions=("2.1",),
    )
    kept.found(listed)
    kept.deposit()
    transfer = kept.id("transfer 1")
    built = said(kept, "aip.built", f"transfer:{transfer}", profile="PIECE 1", profile_sha512=PROFILE)
    kept.say("ingest", built.model_copy(update={"kind": "archives", "transfer_id": transfer}))
    kept.close()
    ruins.lay(kept)
    # The current version of the agreement lists it no more.
    first = record_key(kept.establishment, "agreement", kept.id("agreement"), 1)
    told = AgreementPublishedV1.model_validate(json.loads(kept.objects[first])["fact"])
    terms = told.agreement.model_copy(update={"version": 2, "profiles": ()})
    second = record_key(kept.establishment, "agreement", kept.id("agreement"), 2)
    plant(ruins, second, body(told.model_copy(update={"agreement": terms})))

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("without_line", second)]
    (row,) = await ruins.rows("SELECT agreement_version, profile FROM ingest.transfer")
    assert row["agreement_version"] == 1
    assert json.loads(row["profile"]) == {
        "identifier": "PIECE",
        "version": 1,
        "kind": "relaxng",
        "sha512": PROFILE,
    }


async def test_keys_come_back_by_their_public_halves_and_are_believed_no_more(ruins: Ruins) -> None:
    kept = KeptSite(seed="keys")
    kept.found()
    town = {"establishment": None}
    for action, kid in (("signing_key.retired", "old"), ("signing_key.revoked", "stolen")):
        kept.say("admin", said(kept, action, f"key:{kid}").model_copy(update=town))
    kept.close()
    ruins.lay(kept)
    signs_from = datetime.now(UTC) - timedelta(minutes=1)
    for kid in ("old", "stolen", "last"):
        message = SigningKeyPublishedV1(
            message_id=kept.id(kid),
            occurred_at=NOON,
            kid=kid,
            jwk={"kid": kid, "kty": "EC"},
            signs_from=NOON if kid != "last" else signs_from,
            published_by="service:admin",
        )
        plant(ruins, record_key(None, "signing-key", uuid5(SIGNING_KEYS, kid), 1), body(message))

    for _ in range(2):
        report = await ruins.rebuild()
        assert {one.code for one in report.findings} <= {"without_line"}

    found = {one["kid"]: one for one in await ruins.rows("SELECT * FROM admin.signing_key")}
    assert found.keys() == {"old", "stolen", "last"}
    assert found["old"]["retired_at"] == NOON
    assert found["stolen"]["revoked_at"] == NOON
    assert {one["pkcs8"] for one in found.values()} == {b""}
    async with ruins.rooms["admin"].reading() as connection:
        assert await keys.published(connection) == []
        assert await keys.due(connection) is None
        facts, at = await keys.every(connection)
    assert {one.kid: state for one, state in zip(facts, states(facts, at), strict=True)} == {
        "old": State.DROPPED,
        "stolen": State.REVOKED,
        "last": State.DROPPED,
    }


async def test_a_transfer_that_was_refused_since_the_backup_is_refused(ruins: Ruins) -> None:
    kept = KeptSite(seed="refused")
    kept.found()
    transfer = kept.id("refused transfer")
    about = f"transfer:{transfer}"
    agreed: dict[str, str | int] = {"agreement": str(kept.id("agreement")), "agreement_version": 1}
    received = said(kept, "transfer.received", about, sha512=PROFILE, size=5, **agreed)
    rejected = said(kept, "transfer.rejected", about, codes="PROFILE_MISSING")
    of_it = {"kind": "archives", "transfer_id": transfer}
    kept.say("ingest", *(line.model_copy(update=of_it) for line in (received, rejected)))
    kept.close()
    ruins.lay(kept)
    await ruins.databases.as_superuser(
        """INSERT INTO ingest.transfer
               (id, establishment, agreement, agreement_version, depositor, state, staging_key, size, sha512, steps)
           VALUES ($1, $2, $3, 1, 'client:kept', 'checking', 'sips/x', 5, $4, '[{"state": "received"}]')""",
        transfer,
        kept.establishment,
        kept.id("agreement"),
        PROFILE,
    )

    report = await ruins.rebuild()

    assert report.findings == []
    (row,) = await ruins.rows("SELECT state, changed_at, steps FROM ingest.transfer")
    assert (row["state"], row["changed_at"]) == ("rejected", NOON)
    assert [step["state"] for step in json.loads(row["steps"])] == ["rejected"]
