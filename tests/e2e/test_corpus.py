"""Real SEDA packages through the real system: what is to be accepted is, and comes back bit for bit.

`tests/corpus_location.py` says where they are; without them these tests say so, and are skipped.
"""

import csv
import hashlib
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from chartrier_client.answers import Transfer
from chartrier_client.http import Client
from tests.answers import valid_answer
from tests.corpus_location import corpus_dir
from tests.e2e.conftest import AllInOne
from trials.towns import Town, a_town

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# What an agreement has to forgive by name; tests/contracts/test_corpus_verdicts.py has such agreements.
FORGIVEN_ONLY = {
    "invalid/vitam__KO_FILE_extension_caractere_special_2.zip",
    "invalid/itests__KO_1791_SIP_RG-STARTDATE_AN9000.zip",
}

AT_ONCE = 6


def rows(*expected: str) -> list[dict[str, str]]:
    """The packages that are to be treated so by an agreement that forgives nothing."""
    with (corpus_dir() / "expected.csv").open(encoding="utf-8", newline="") as file:
        return [
            row for row in csv.DictReader(file) if row["expected"] in expected and row["file"] not in FORGIVEN_ONLY
        ]


def files_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a package, by the standard library: no code of ours has a say in what is expected."""
    if path.suffix == ".tar":
        with tarfile.open(path) as package:
            for member in package:
                if (stream := package.extractfile(member)) is not None:
                    yield member.name, stream.read()
        return
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                yield entry.filename, archive.read(entry)


def message_of(path: Path) -> bytes:
    """What a package says its message is; nothing where it cannot be read."""
    try:
        manifests = [content for name, content in files_of(path) if name.endswith("manifest.xml")]
    except (OSError, zipfile.BadZipFile, tarfile.TarError):
        return b""
    found = re.search(rb"<MessageIdentifier>([^<]*)<", manifests[0]) if manifests else None
    return b"" if found is None else found[1]


@pytest.fixture(scope="module")
def towns(all_in_one: AllInOne) -> Iterator[list[tuple[Town, Client]]]:
    """Many towns: several packages bear one message identifier of one agency, which one town sends once."""
    corpus_dir()
    founded = [a_town(all_in_one.archive) for _ in range(16)]
    clients = [town.client() for town in founded]
    yield list(zip(founded, clients, strict=True))
    for client in clients:
        client.close()


def judged(towns: list[tuple[Town, Client]], packages: list[dict[str, str]]) -> dict[str, tuple[Client, Transfer]]:
    """Deposit packages, a few at a time, no message twice in one town, and wait for every verdict."""
    met: Counter[bytes] = Counter()
    sent: list[tuple[Town, Client, Path]] = []
    for row in packages:
        path = corpus_dir() / row["file"]
        message = message_of(path)
        sent.append((*towns[met[message]], path))
        met[message] += 1

    def judge(one: tuple[Town, Client, Path]) -> tuple[Client, Transfer]:
        town, client, path = one
        return client, client.wait(client.deposit(path, town.agreement), 200)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip([row["file"] for row in packages], pool.map(judge, sent), strict=True))


def code_replied(client: Client, transfer: Transfer) -> str | None:
    """The ReplyCode of a transfer, whose answers are valid SEDA; None where its header could not be read."""
    if "reply" not in transfer.body["links"]:
        return None
    valid_answer(client.acknowledgement(transfer.id))
    return valid_answer(client.reply(transfer.id)).findtext("{*}ReplyCode")


def given_back(town: Town, transfer: Transfer) -> Counter[str]:
    """The SHA-512 of every file of a transfer, as downloaded from the archive."""
    with town.client() as client, town.http() as http:
        wanted = {thing.id for unit in client.search(transfer=transfer.id, limit=200) for thing in unit.objects}
        found: Counter[str] = Counter()
        for object_id in wanted:
            answer = http.get(f"/access/v1/objects/{object_id}/content")
            if answer.status_code != httpx.codes.NOT_FOUND:  # a physical object has no bytes
                found[hashlib.sha512(answer.raise_for_status().content).hexdigest()] += 1
        return found


def test_what_is_to_be_accepted_is_and_comes_back_bit_for_bit(towns: list[tuple[Town, Client]]) -> None:
    packages = rows("accept", "vitam-only")
    verdicts = judged(towns, packages)

    refused = {
        name: [f"{finding.code} {finding.place}" for finding in transfer.findings if finding.severity == "error"]
        for name, (_, transfer) in verdicts.items()
        if transfer.state != "accepted"
    }
    assert refused == {}
    assert len(verdicts) >= 64
    assert {code_replied(*verdict) for verdict in verdicts.values()} <= {"OK", "WARNING"}

    town_of = {client: town for town, client in towns}

    def differs(name: str) -> str | None:
        client, transfer = verdicts[name]
        copies = {finding.place for finding in transfer.findings if finding.code == "OBJECT_FILE_COPY"}
        contents = dict(files_of(corpus_dir() / name))
        sent = Counter(
            hashlib.sha512(content).hexdigest()
            for path, content in contents.items()
            if path not in copies and (not path.rpartition("/")[2].endswith("manifest.xml") or "/" in path)
        )
        return None if given_back(town_of[client], transfer) == sent else name

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert [name for name in pool.map(differs, verdicts) if name is not None] == []


def test_what_is_to_be_refused_is(towns: list[tuple[Town, Client]]) -> None:
    verdicts = judged(towns, rows("reject"))

    assert {name: found.state for name, (_, found) in verdicts.items() if found.state != "rejected"} == {}
    for name, (client, transfer) in verdicts.items():
        assert code_replied(client, transfer) in {"KO", None}, name
        errors = [finding for finding in transfer.findings if finding.severity == "error"]
        assert errors, name
        assert all(finding.message and finding.code for finding in errors), name
