"""Where a webhook really connects to: the address that was looked at, with the certificate of the name."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.admin.adapters import posting
from services.admin.adapters.names import Names
from services.admin.adapters.posting import Poster
from services.admin.domain.webhook import LONGEST_WAIT, REST
from tests.builders.receivers import Receiver, Sent, plainly, receiving

pytestmark = pytest.mark.integration

LOOPBACK = (ip_network("127.0.0.0/8"),)
NAME = "receiver.test"


class Resolver:
    """Names as we say they are; each question has the next answer, and the last one ever after."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def a_certificate(folder: Path, name: str) -> Path:
    """Write key and certificate of a name, its own authority, and return the file of both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def names() -> Resolver:
    return Resolver(["127.0.0.1"])


def at(receiver: Receiver, scheme: str = "http", host: str = NAME) -> str:
    return f"{scheme}://{host}:{receiver.port}/hook?a=1"


async def test_it_goes_to_the_address_and_asks_for_the_name() -> None:
    resolver = Resolver(["127.0.0.1"])
    async with receiving() as receiver:
        answer = await Poster(resolver, LOOPBACK).post(at(receiver), {"webhook-id": "1"}, b"{}")
        sent = await receiver.next()

    assert (answer.delivered, answer.status, answer.reason) == (True, 204, None)
    assert (sent.path, sent.body, sent.headers["host"]) == ("/hook?a=1", b"{}", f"{NAME}:{receiver.port}")


async def test_a_certificate_is_of_the_name_and_of_an_authority_that_is_believed(tmp_path: Path) -> None:
    right, wrong = a_certificate(tmp_path, NAME), a_certificate(tmp_path, "another.test")
    resolver = Resolver(["127.0.0.1"])
    async with receiving(tls=served_with(right)) as receiver, receiving(tls=served_with(wrong)) as impostor:
        trusting = Poster(resolver, LOOPBACK, right)
        answers = [
            await trusting.post(at(receiver, "https"), {}, b"{}"),
            await Poster(resolver, LOOPBACK).post(at(receiver, "https"), {}, b"{}"),
            await Poster(resolver, LOOPBACK, wrong).post(at(impostor, "https"), {}, b"{}"),
            await trusting.post(at(receiver, "http"), {}, b"{}"),
        ]

    assert [answer.status for answer in answers] == [204, None, None, None]
    assert [answer.reason for answer in answers] == [
        None,
        "certificate_refused",
        "certificate_refused",
        "broken_off",
    ]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["::1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], []]
)
async def test_a_name_that_leads_within_is_never_connected_to(addresses: list[str]) -> None:
    async with receiving() as receiver:
        answer = await Poster(Resolver(addresses)).post(at(receiver), {}, b"{}")

    assert (answer.status, answer.reason) == (None, "address_refused")
    assert receiver.came.empty()


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "localhost"])
async def test_however_an_address_is_written_the_machine_says_where_it_leads(host: str) -> None:
    names = Names()
    async with receiving() as receiver:
        answer = await Poster(names.addresses).post(at(receiver, host=host), {}, b"{}")
    await names.close()

    assert answer.status is None
    assert answer.reason in {"address_refused", "unknown_name"}
    assert receiver.came.empty()


async def test_a_name_server_that_answers_otherwise_the_second_time_changes_nothing() -> None:
    # The first answer is looked at and connected to; the second, which would be refused, is never asked for.
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    async with receiving() as receiver:
        poster = Poster(resolver, LOOPBACK)
        first = await poster.post(at(receiver), {}, b"{}")
        asked = list(resolver.asked)
        second = await poster.post(at(receiver), {}, b"{}")

    assert (first.status, asked) == (204, [NAME])
    # And each delivery looks anew: no connection of before is used again.
    assert (second.reason, len(resolver.asked)) == ("address_refused", 2)


async def test_another_address_of_the_name_is_tried_where_the_first_does_not_answer() -> None:
    async with receiving() as receiver:
        answer = await Poster(Resolver(["127.0.0.2", "127.0.0.1"]), LOOPBACK).post(at(receiver), {}, b"{}")

    assert answer.status == 204


async def test_nobody_is_followed_and_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as elsewhere, receiving(lambda _: plainly(302, f"Location: {elsewhere.url}")) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere.url)
        answer = await Poster(Resolver(["127.0.0.1"]), LOOPBACK).post(at(receiver), {}, b"{}")

    assert (answer.delivered, answer.status) == (False, 302)
    assert elsewhere.came.empty()


async def test_a_receiver_that_hangs_is_given_up_and_one_whose_body_hangs_has_answered() -> None:
    def endless(_: Sent) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10_000

    async with receiving(lambda _: None) as silent, receiving(endless) as endlessly:
        hung, took = await asyncio.gather(
            Poster(Resolver(["127.0.0.1"]), LOOPBACK, seconds=0.2).post(at(silent), {}, b"{}"),
            Poster(Resolver(["127.0.0.1"]), LOOPBACK).post(at(endlessly), {}, b"{}"),
        )

    assert (hung.status, hung.reason, hung.rest) == (None, "timeout", REST)
    assert (took.status, took.delivered) == (200, True)


async def test_one_whose_body_drips_has_answered_at_once_and_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SLOW", timedelta(seconds=0.2))
    monkeypatch.setattr(posting, "DRAIN_SECONDS", 0.3)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        url = f"http://{NAME}:{server.sockets[0].getsockname()[1]}/"
        answer = await Poster(Resolver(["127.0.0.1"]), LOOPBACK).post(url, {}, b"")

    assert (answer.delivered, answer.rest, answer.slow) == (True, None, True)
    assert answer.held > answer.seconds


async def test_a_receiver_that_asks_for_a_certificate_of_ours_has_refused(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, NAME)
    asking = served_with(certificate)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(cafile=certificate)
    async with receiving(tls=asking) as receiver:
        answer = await Poster(Resolver(["127.0.0.1"]), LOOPBACK, certificate).post(at(receiver, "https"), {}, b"{}")

    assert answer.status is None
    assert answer.reason in {"tls_failed", "broken_off"}


async def test_a_silent_address_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "CONNECT_SECONDS", 0.4)
    connect = httpcore.AnyIOBackend.connect_tcp

    async def silent_at_first(self: Any, host: str, port: int) -> Any:  # noqa: ANN401 (as httpcore has it)
        if host == "127.0.0.2":
            await asyncio.Event().wait()
        return await connect(self, host, port)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", silent_at_first)
    async with receiving() as receiver:
        answer = await Poster(Resolver(["127.0.0.2", "127.0.0.1"]), LOOPBACK).post(at(receiver), {}, b"{}")

    assert answer.status == 204


async def test_what_cannot_be_reached_says_why() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    async with receiving(lambda _: b"nonsense\r\n\r\n") as babbling:
        answers = [
            await Poster(unknown).post("http://nowhere.test/", {}, b"{}"),
            await Poster(Resolver(["127.0.0.1"]), LOOPBACK).post("http://receiver.test:9/", {}, b"{}"),
            await Poster(Resolver(["127.0.0.1"]), LOOPBACK).post(at(babbling), {}, b"{}"),
        ]

    assert [answer.reason for answer in answers] == ["unknown_name", "not_reached", "broken_off"]


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", 120.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", None),
    ],
)
async def test_a_receiver_may_say_when_to_come_back_and_is_left_alone_until_then(
    said: str, wait: float | None
) -> None:
    async with receiving(lambda _: plainly(429, f"Retry-After: {said}")) as receiver:
        answer = await Poster(Resolver(["127.0.0.1"]), LOOPBACK).post(at(receiver), {}, b"{}")

    assert (None if answer.wait is None else answer.wait.total_seconds()) == wait
    assert (0.0 if answer.rest is None else answer.rest.total_seconds()) == (wait or 0.0)


async def test_nobody_has_himself_left_alone_for_ever_or_by_a_refusal(names: Resolver) -> None:
    answers = [plainly(503, "Retry-After: 99999999"), plainly(500, "Retry-After: 60")]
    async with receiving(lambda _: answers.pop(0)) as receiver:
        poster = Poster(names, LOOPBACK)
        rests = [(await poster.post(at(receiver), {}, b"{}")).rest for _ in range(2)]

    assert rests == [LONGEST_WAIT, None]


@pytest.mark.parametrize("host", [".receiver.test", "a..test", "x" * 300 + ".test"])
async def test_a_name_that_cannot_be_one_is_told_as_unknown(names: Resolver, host: str, tmp_path: Path) -> None:
    own = Names()
    async with receiving(tls=served_with(a_certificate(tmp_path, NAME))) as receiver:
        answers = [
            await Poster(resolve, LOOPBACK).post(at(receiver, "https", host), {}, b"{}")
            for resolve in (names, own.addresses)
        ]
    await own.close()

    assert answers[1].reason == "unknown_name"
    assert answers[0].status is None
