"""Decisions taken once, rules published, keys made, transfers decided on, stand on every site, whole and listed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from services.storage.decisions import decision_record, rules_record, signing_key_record, take_decisions
from services.storage.handlers import Arrival
from shared.messages.admin import RulesPublishedV1, SigningKeyPublishedV1
from shared.messages.ingest import TransferDecidedV1
from shared.messages.message import Message
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

M = TypeVar("M", bound=Message)

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"


def golden(kind: type[M]) -> M:
    return kind.model_validate_json((GOLDEN / f"{kind.topic}.json").read_bytes())


RULES, KEY, DECIDED = golden(RulesPublishedV1), golden(SigningKeyPublishedV1), golden(TransferDecidedV1)


async def keep(depot: Depot, message: M, of: Callable[[M], Arrival]) -> str:
    """Have a message kept on every site; return the key of its record."""
    async with depot.database.begin() as tx:
        await take_decisions(of, sorted(depot.sites))(tx, [message, message])
    await depot.work_off()
    key: str = of(message).values["key"]
    return key


@pytest.mark.parametrize(
    ("message", "of", "folder"),
    [
        (RULES, rules_record, "platform/records/rules/"),
        (KEY, signing_key_record, "platform/records/signing-key/"),
        (DECIDED, decision_record, f"{DECIDED.establishment}/records/decision/"),
    ],
    ids=["rules", "signing key", "decision"],
)
async def test_a_decision_stands_on_every_site(
    depot: Depot, message: Message, of: Callable[[Message], Arrival], folder: str
) -> None:
    key = await keep(depot, message, of)

    assert key.startswith(folder)
    for site in depot.sites:
        record = json.loads(await depot.kept(site, key))
        assert record == {"topic": message.topic, "fact": message.model_dump(mode="json")}
    assert len(await depot.lines("record.stored")) == 1


def test_no_kind_of_record_begins_as_another_does() -> None:
    kinds = ["agreement", "organisation", "profile"]
    arrivals = (rules_record(RULES), signing_key_record(KEY), decision_record(DECIDED))
    kinds += [one.values["key"].split("/")[2] for one in arrivals]

    assert not any(one != other and other.startswith(one) for one in kinds for other in kinds)


def test_a_key_is_known_by_its_name_alone() -> None:
    again = KEY.model_copy(update={"published_by": "operator:command"})

    assert signing_key_record(again).values["key"] == signing_key_record(KEY).values["key"]


def test_nothing_secret_of_a_key_is_in_its_record() -> None:
    body = json.loads(signing_key_record(KEY).values["facts"]["body"])

    # RFC 7518, section 6.2.2: "d" is the private half of an elliptic curve key.
    assert "d" not in body["fact"]["jwk"]
