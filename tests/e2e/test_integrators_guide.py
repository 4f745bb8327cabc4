"""docs/integrators.md, done as it stands: its blocks, in their order, in an empty folder, on a real archive."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from chartrier_client import Client
from chartrier_client.answers import Transfer
from chartrier_client.replies import read_reply
from chartrier_client.samples.accounts import night_of_flows
from chartrier_client.samples.agent import papers_of_an_agent
from tests.e2e.conftest import AllInOne

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+\.py)\n")
# The variables that the page tells to set, outside its blocks.
EXPORTED = re.compile(r"^    export (\w+)=", re.MULTILINE)


@dataclass(frozen=True)
class Followed:
    """What the guide left behind: what was printed, and the folder it was followed in."""

    said: str
    complained: str
    folder: Path
    environment: dict[str, str]


def as_one_script(folder: Path) -> str:
    """Save each Python block as it says, and return what is typed in the terminal: the others, and their names."""
    lines = ["set -eu"]
    for language, block in BLOCK.findall(GUIDE):
        if language == "sh":
            lines.append(block)
            continue
        named = NAMED.match(block)
        assert named, f"this block does not say where it is to be saved:\n{block}"
        (folder / named[1]).write_text(block, encoding="utf-8")
        lines.append(f"python {named[1]}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def followed(all_in_one: AllInOne, tmp_path_factory: pytest.TempPathFactory) -> Followed:
    assert EXPORTED.findall(GUIDE) == ["ADMIN_CLIENT"]
    folder = tmp_path_factory.mktemp("integrator")
    environment = {
        # The client as it is here, installed as the page says; a new terminal has little else.
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "PYTHONPATH": str(ROOT / "client"),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "ADMIN_CLIENT": str(all_in_one.home / "admin-client.json"),
    }
    script = folder / "terminal.sh"
    script.write_text(as_one_script(folder), encoding="utf-8")
    done = subprocess.run(
        ["/bin/bash", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Followed(done.stdout, done.stderr, folder, environment)


@pytest.fixture(scope="module")
def kept(followed: Followed) -> dict[str, tuple[Transfer, str | None]]:
    """Message identifier → its transfer and the code of its reply, of all that the guide deposited for good."""
    known = json.loads((followed.folder / "client.json").read_text(encoding="utf-8"))
    with Client(known["base_url"], known["client_id"], known["client_secret"]) as client:
        transfers = [client.transfer(listed.id) for listed in client.transfers() if not listed.is_dry_run]
        return {str(one.message_identifier): (one, read_reply(client.reply(one.id)).reply_code) for one in transfers}


def test_the_sandbox_judges_and_keeps_nothing(followed: Followed) -> None:
    assert "judged: acceptable" in followed.said
    assert "exit code 2" in followed.said


def test_findings_are_read(followed: Followed) -> None:
    assert "info HEADER_AGREEMENT_MISSING" in followed.said


@pytest.mark.parametrize(
    "message",
    [
        "PES-21990042000015-PESALR2_21990042000015_260402_017",
        "PES-21990042000015-PESALR2_21990042000015_260402_018",
        "RH-21990042000015-4217-2026-04-01",
        "ACTES-219900420-2026-02-12-2026-03-26-05034b26ef08",
        "MARCHE-21990042000015-2022-07",
    ],
)
def test_each_flow_is_accepted_and_the_reply_says_so(
    message: str, followed: Followed, kept: dict[str, tuple[Transfer, str | None]]
) -> None:
    transfer, reply_code = kept[message]

    assert (transfer.state, transfer.findings, reply_code) == ("accepted", (), "OK")
    assert f"{message}: accepted, reply OK" in followed.said


def test_the_nightly_batch_deposits_what_is_complete_and_that_once(
    followed: Followed, kept: dict[str, tuple[Transfer, str | None]]
) -> None:
    name = "PESALR2_21990042000015_260403_017"
    message = f"PES-21990042000015-{name}"
    transfer, reply_code = kept[message]

    assert (transfer.state, reply_code) == ("accepted", "OK")
    assert followed.said.count(message + ":") == 1
    (reply,) = (followed.folder / "done").iterdir()
    assert re.fullmatch(rf"{message}\.[0-9a-f]{{16}}\.reply\.xml", reply.name)
    assert followed.complained.count("PESALR2_21990042000015_260403_018.xml: waits for its acknowledgement") == 2


def test_no_package_stays_behind(followed: Followed) -> None:
    assert list((followed.folder / "outbox").iterdir()) == []


def test_what_was_received_is_balanced(followed: Followed, kept: dict[str, tuple[Transfer, str | None]]) -> None:
    assert len(kept) == 6
    assert '"balanced": true' in followed.said
    assert '"received": 6' in followed.said


@pytest.fixture
def elsewhere(followed: Followed, kept: object, tmp_path: Path) -> Path:
    """A folder of its own with the guide's programs, once what the guide itself deposited was counted."""
    del kept
    for path in (followed.folder / "client.json", *followed.folder.glob("*.py")):
        shutil.copy(path, tmp_path)
    return tmp_path


def run(program: str, folder: Path, followed: Followed) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, program],
        cwd=folder,
        env=followed.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_rejected_is_accepted_once_it_is_mended(followed: Followed, elsewhere: Path) -> None:
    papers_of_an_agent(elsewhere / "samples" / "agent")
    program = elsewhere / "deposit_agent.py"
    program.write_text(program.read_text(encoding="utf-8").replace("4217", "4218"), encoding="utf-8")
    note = elsewhere / "samples" / "agent" / "note.txt"
    note.write_text("Une note.", encoding="utf-8")

    rejected = run(program.name, elsewhere, followed)
    note.rename(note.with_name("Thumbs.db"))
    accepted = run(program.name, elsewhere, followed)

    message = "RH-21990042000015-4218-2026-04-01"
    assert f"{message}: rejected" in rejected.stdout, rejected.stderr
    assert f"{message}: accepted, reply OK" in accepted.stdout, accepted.stderr
    assert f"{message}: Thumbs.db is what a system left there" in accepted.stdout


def test_the_nightly_batch_sends_what_was_rejected_again_once_it_is_mended(
    followed: Followed, elsewhere: Path
) -> None:
    flow, *_ = night_of_flows(elsewhere / "inbox", date(2026, 4, 7))
    written = flow.read_bytes()
    message = f"PES-21990042000015-{flow.stem}"
    # Without its declaration, nobody knows it for XML.
    flow.write_text(written.partition(b"?>")[2].decode("iso-8859-1"), encoding="utf-8")

    rejected, again = (run("nightly.py", elsewhere, followed) for _ in range(2))

    assert (rejected.returncode, again.returncode) == (2, 2)
    assert f"{message}.zip: FORMAT_NOT_ALLOWED" in rejected.stderr
    assert f"{flow.name}: rejected before, and not mended since" in again.stderr
    assert "FORMAT_NOT_ALLOWED" not in again.stderr

    flow.write_bytes(written)
    mended = run("nightly.py", elsewhere, followed)

    assert (mended.returncode, f"{message}: " in mended.stdout) == (0, True), mended.stderr
    assert not list((elsewhere / "outbox").iterdir())


def test_another_flow_in_a_file_of_the_same_name_is_deposited_too(followed: Followed, elsewhere: Path) -> None:
    flow, _, acknowledgement = night_of_flows(elsewhere / "inbox", date(2026, 4, 8))
    first = run("nightly.py", elsewhere, followed)
    for path in (flow, acknowledgement):
        path.write_bytes(path.read_bytes().replace(flow.stem.encode(), b"AUTRE-FLUX"))
    second = run("nightly.py", elsewhere, followed)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout.startswith("PES-21990042000015-AUTRE-FLUX: ")
    assert len(list((elsewhere / "done").iterdir())) == 2

    # One that gives itself the name of one that was archived is for a person.
    acknowledgement.write_bytes(acknowledgement.read_bytes() + b"\n")
    third = run("nightly.py", elsewhere, followed)

    assert third.returncode == 2
    assert "PES-21990042000015-AUTRE-FLUX.zip: DUPLICATE_MESSAGE" in third.stderr


def test_the_nightly_batch_leaves_to_a_person_what_waiting_does_not_mend(followed: Followed, elsewhere: Path) -> None:
    inbox = elsewhere / "inbox"
    inbox.mkdir()
    for name in ("casse.xml", "casse_ack.xml", "seul_ack.xml"):
        (inbox / name).write_text("<PES_Aller>", encoding="utf-8")

    done = run("nightly.py", elsewhere, followed)

    assert done.returncode == 2, done.stderr
    assert "casse.xml : la racine est « PES_Aller »" in done.stderr
    assert "seul_ack.xml : cet acquittement est là sans son flux" in done.stderr

    (inbox / "CASSE.xml").touch()
    done = run("nightly.py", elsewhere, followed)

    assert done.returncode == 2, done.stderr
    assert "inbox : CASSE.xml et casse.xml ont le même nom" in done.stderr
