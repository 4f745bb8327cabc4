"""What a test or trial needs before its first deposit: an archive, a town, and someone to act for it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from chartrier_client.administration import (
    AgreementTerms,
    Mandate,
    create_agreement,
    create_client,
    create_establishment,
)
from chartrier_client.answers import Transfer
from chartrier_client.description import Envelope, Level, SourceFile, Unit
from chartrier_client.http import Client
from chartrier_client.sip import SipBuilder
from trials.levers import Amiss

ROLES = ("depositor", "reader", "producer")


@dataclass(frozen=True)
class Archive:
    """A running archive: its front door, and its administrator's credentials."""

    kind: str
    base_url: str
    admin_file: Path

    @property
    def home(self) -> Path:
        """The folder that CHARTRIER_HOME named."""
        return self.admin_file.parent

    @contextmanager
    def administrator(self) -> Iterator[Client]:
        """Lend the client of whoever holds the administrator's credentials."""
        known = json.loads(self.admin_file.read_text(encoding="utf-8"))
        with Client(self.base_url, known["client_id"], known["client_secret"]) as client:
            yield client

    def token(self, client_id: str, client_secret: str) -> str:
        """Ask for an access token."""
        answer = httpx.post(
            f"{self.base_url}/admin/v1/token",
            data={"grant_type": "client_credentials"},
            auth=(client_id, client_secret),
        )
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def admin_token(self) -> str:
        """Ask for a token of the administrator."""
        known = json.loads(self.admin_file.read_text(encoding="utf-8"))
        return self.token(known["client_id"], known["client_secret"])

    def http(self, token: str | None) -> httpx.Client:
        """Return a plain HTTP client with a token, for what no well-behaved client would send."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60)


@dataclass(frozen=True)
class Town:
    """An establishment with one agreement and one machine client that may deposit and read."""

    archive: Archive
    establishment: str
    agreement: str
    agreement_identifier: str
    client_id: str
    client_secret: str

    def client(self) -> Client:
        """Return the client of the town's software."""
        return Client(self.archive.base_url, self.client_id, self.client_secret)

    def http(self) -> httpx.Client:
        """Return a plain HTTP client with the town's token, for what no well-behaved client would send."""
        return self.archive.http(self.archive.token(self.client_id, self.client_secret))


def a_town(archive: Archive, **terms: Any) -> Town:  # noqa: ANN401 (any of the terms)
    """Found a new town, foreign to every other test's."""
    name = f"ville-{uuid4().hex[:10]}"
    with archive.administrator() as admin:
        establishment = create_establishment(admin, name, f"Ville de {name}")
        agreed = {"match_header": "record", "unknown_rules": "warn", "usages": "lenient"} | terms
        agreement = create_agreement(
            admin, AgreementTerms(establishment, f"accord-{name}", "Accord d'essai", **agreed)
        )
        client = create_client(admin, f"logiciel de {name}", [Mandate(establishment, ROLES)])
    return Town(archive, establishment, agreement, f"accord-{name}", client.client_id, client.client_secret)


def a_package(
    path: Path,
    *,
    title: str = "Registre des délibérations",
    files: int = 1,
    size: int = 2000,
    content: bytes | None = None,
) -> Path:
    """Write a small valid SIP that no other test has written: its message and its bytes are its own."""
    builder = SipBuilder(
        Envelope(
            message_identifier=f"msg-{uuid4().hex}",
            archival_agency="archives-test",
            transferring_agency=f"versant-{uuid4().hex[:8]}",
        )
    )
    root = builder.add_unit(Unit(title=title, level=Level.RECORD_GROUP))
    for number in range(files):
        unit = builder.add_unit(Unit(title=f"{title}, pièce {number + 1}"), root)
        words = f"pièce {number} {uuid4().hex} ".encode()
        written = (words * (size // len(words) + 1))[:size] if content is None else content
        builder.add_file(unit, SourceFile(f"piece-{number + 1}.txt", written, "text/plain"))
    builder.write(path)
    return path


def until_state(client: Client, transfer_id: str, *states: str, patience: float = 60.0) -> Transfer:
    """Poll until a transfer is in one of these states, and return it; `Amiss` when patience ends."""
    deadline = time.monotonic() + patience
    while (transfer := client.transfer(transfer_id)).state not in states:
        if time.monotonic() > deadline:
            raise Amiss(f"still {transfer.state} after {patience} s, not {' or '.join(states)}")
        time.sleep(0.05)
    return transfer
