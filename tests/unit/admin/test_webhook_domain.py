"""Signatures that others verify, waits of about three days, addresses that are one, secrets that are read again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.admin.adapters.posting import Answer
from services.admin.domain.receiver import host_and_port, url_fault
from services.admin.domain.signature import new_secret, signatures
from services.admin.domain.webhook import (
    LONGEST_PENDING,
    LONGEST_WAIT,
    PROMPT_AGAIN,
    SLOW,
    WAITS,
    Delivery,
    DeliveryState,
    Event,
    owed_after,
    wait_after,
    wait_of,
)
from services.admin.webhook_secrets import WebhookSeal
from shared.identifiers import new_id

BODY = '{"type":"transfer.accepted","data":{"é":1}}'.encode()
MESSAGE = "0198f2f0-0000-7000-8000-000000000001"


def signed(*secrets: str) -> dict[str, str]:
    timestamp = int(datetime.now(UTC).timestamp())
    return {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(secrets, MESSAGE, timestamp, BODY),
    }


def test_what_we_sign_the_library_of_others_verifies() -> None:
    secret = new_secret()

    assert Webhook(secret).verify(BODY, signed(secret))["data"] == {"é": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, signed(secret))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", signed(secret))


def test_during_an_overlap_either_secret_verifies() -> None:
    new, former = new_secret(), new_secret()

    for secret in (new, former):
        Webhook(secret).verify(BODY, signed(new, former))


def test_ten_attempts_take_about_three_days_and_then_it_is_over() -> None:
    waits = [wait_after(tries, None) for tries in range(1, 11)]

    assert waits == [*WAITS, None]
    assert timedelta(days=2.5) < sum(WAITS, timedelta()) < timedelta(days=3.5)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(0), WAITS[0]),
        (timedelta(seconds=90), timedelta(seconds=90)),
        (timedelta(days=400), LONGEST_WAIT),
    ],
)
def test_a_receiver_may_ask_for_more_patience_within_bounds(asked: timedelta, waited: timedelta) -> None:
    assert wait_after(1, asked) == waited
    assert wait_after(len(WAITS) + 1, asked) is None


@pytest.mark.parametrize(
    ("age", "asked", "waited"),
    [
        (timedelta(0), timedelta(days=1), timedelta(days=1)),
        (LONGEST_PENDING - timedelta(days=1), timedelta(days=1), timedelta(days=1)),
        (LONGEST_PENDING - timedelta(hours=23), timedelta(days=1), None),
        (LONGEST_PENDING - timedelta(hours=23), None, WAITS[0]),
        (LONGEST_PENDING + timedelta(hours=1), None, None),
    ],
)
def test_nothing_waits_beyond_its_days_whatever_a_receiver_asks_for(
    age: timedelta, asked: timedelta | None, waited: timedelta | None
) -> None:
    at = datetime.now(UTC)
    terms: dict[str, Any] = {"event": Event.ACCEPTED, "establishment": None, "body": "{}", "attempts": ()}
    moments: dict[str, Any] = {"created_at": at - timedelta(days=99), "asked_at": at - age, "next_at": at}
    delivery = Delivery(new_id(), new_id(), new_id(), **terms, **moments, state=DeliveryState.PENDING, tries=0)

    assert wait_of(delivery, at, asked) == waited


def test_the_attempts_of_three_days_fit_in_the_days_of_a_delivery() -> None:
    assert sum(WAITS, timedelta()) < LONGEST_PENDING


@pytest.mark.parametrize(
    ("owed", "slow", "delivered", "then"),
    [
        (0, False, True, 0),
        (0, True, True, PROMPT_AGAIN),
        (1, True, False, PROMPT_AGAIN),
        (PROMPT_AGAIN, False, True, PROMPT_AGAIN - 1),
        (2, False, False, 2),
    ],
)
def test_one_that_is_slow_now_and_then_is_slow(owed: int, *, slow: bool, delivered: bool, then: int) -> None:
    assert owed_after(owed, slow=slow, delivered=delivered) == then


@pytest.mark.parametrize(("over", "slow"), [(0.0, False), (0.1, True)])
def test_slow_is_who_keeps_a_hand_however_soon_the_status_came(over: float, *, slow: bool) -> None:
    assert Answer(204, 0.1, held=SLOW.total_seconds() + over).slow is slow


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "http://app.example/hook",
        "ftp://app.example/hook",
        "https://user:secret@app.example/",
        "https://app.example@127.0.0.1/",
        "https://app.example/#part",
        "https://app.example\\@127.0.0.1/",
        "https://app.example/ hook",
        "https://app.example/\r\nX: y",
        "https://é.example/",
        "https://app.example:0/",
        "https://app.example:99999/",
        "https://[::1/",
        "https://app.example/" + "a" * 2000,
    ],
)
def test_what_is_no_https_address_is_refused(url: str) -> None:
    fault = url_fault(url, plain=False)

    assert fault is not None
    assert (fault.place, fault.code) == ("url", "invalid_url")


def test_an_address_in_clear_is_taken_where_the_operator_says_so() -> None:
    assert url_fault("http://app.example:8080/hook?x=1", plain=True) is None
    assert url_fault("https://app.example/hook?x=1", plain=False) is None
    assert host_and_port("https://app.example/h") == ("app.example", 443)
    assert host_and_port("http://[fd12::1]:8080/h") == ("fd12::1", 8080)


def test_a_secret_is_read_again_under_the_former_secret_of_the_rooms_and_no_other() -> None:
    secret, before, after = new_secret(), WebhookSeal("old" * 20), WebhookSeal("new" * 20, ["old" * 20])
    closed = before.close(secret)

    assert secret.encode() not in closed
    assert after.open(closed) == secret
    assert WebhookSeal("new" * 20).open(closed) is None
    again = after.close_again(closed)
    assert again is not None
    assert WebhookSeal("new" * 20).open(again) == secret
    assert after.close_again(again) is None
    assert WebhookSeal("x" * 40).close_again(closed) is None
