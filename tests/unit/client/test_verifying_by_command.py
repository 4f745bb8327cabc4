"""`chartrier verify` as a script or a person uses it, with the client alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chartrier_client.command import main
from tests.builders import pki
from tests.builders.proofs import JOURNAL, Seal, Sealing, container, lines, receipt, receipt_payload
from tests.unit.client.test_verifying_packages import AIP, packed

CLIENT = Path(__file__).parents[3] / "client"
SEAL = Seal(Sealing())
AT = ["--at", "2026-11-27"]
Run = Callable[..., int]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    (tmp_path / "root.pem").write_bytes(pki.root().pem)
    (tmp_path / "seal.tar").write_bytes(SEAL.tar)
    (tmp_path / "trial.tar").write_bytes(Seal(Sealing(probative=False)).tar)
    (tmp_path / "spoiled.tar").write_bytes(SEAL.tar.replace(b'"journals":1', b'"journals":2', 1))
    (tmp_path / "journal.ndjson").write_bytes(container(lines(7)))
    (tmp_path / "line.json").write_bytes(lines(7)[2])
    (tmp_path / "line.der").write_bytes(SEAL.record_of_line(JOURNAL, 3).der)
    (tmp_path / "aip.tar").write_bytes(AIP)
    (tmp_path / "receipt.jws").write_bytes(receipt(receipt_payload(packed(AIP), AIP)) + b"\n")
    return tmp_path


@pytest.fixture
def run(given: Path) -> Run:
    def run(*words: str, trust: bool = True) -> int:
        roots = ["--trust", str(given / "root.pem")] if trust else []
        known = [str(given / word) if (given / word).exists() else word for word in words]
        return main(["verify", *known, *roots, *AT], {"HOME": str(given)})

    return run


def test_the_exit_code_is_the_verdict(run: Run) -> None:
    assert run("seal.tar", "journal.ndjson") == 0
    assert run("line.json", "--evidence", "line.der") == 0
    assert run("aip.tar", "receipt.jws") == 0
    assert run("spoiled.tar") == 2
    assert run("seal.tar", trust=False) == 3
    assert run("journal.ndjson") == 3
    assert run("absent.tar") == 1


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("fr", ("INVALIDE (au 2026-11-27)", "ÉCHEC", "ce n'est pas la valeur attendue")),
        ("en", ("INVALID (as of 2026-11-27)", "FAILED", "not what was expected")),
    ],
)
def test_people_read_why(
    run: Run, capsys: pytest.CaptureFixture[str], language: str, expected: tuple[str, ...]
) -> None:
    run("spoiled.tar", "--language", language)

    said = capsys.readouterr().out
    assert all(each in said for each in expected), said
    assert said.rstrip().endswith(expected[0])


def test_programs_read_codes(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("seal.tar", "--json", trust=False) == 3

    body = json.loads(capsys.readouterr().out)
    assert (body["verdict"], body["probative"]) == ("indeterminate", True)
    reasons = {(check["what"], check["outcome"], check["reason"]) for check in body["checks"]}
    assert ("certificate.root", "could_not", "no_root_given") in reasons
    assert ("token.imprint", "ok", None) in reasons
    assert {remark["code"] for remark in body["remarks"]} == {"signers_revocation_unknown"}


def test_what_has_no_probative_value_is_said_first_and_last(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("trial.tar") == 0

    said = capsys.readouterr().out.splitlines()
    assert "SANS VALEUR PROBANTE" in said[0]
    assert "SANS VALEUR PROBANTE" in said[-2]


def test_a_file_of_roots_that_is_none(run: Run, given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (given / "none.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ascii")

    assert run("seal.tar", "--trust", "none.pem") == 1
    assert "PEM" in capsys.readouterr().err


def test_a_moment_that_is_none(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("seal.tar", "--at", "demain") == 0  # the last one counts
    assert main(["verify", "seal.tar", "--at", "demain"], {}) == 1
    assert "demain" in capsys.readouterr().err


# --- The client alone

ALONE = """
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError("No module named " + name, name=name)
def watch(event, told):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"):
        raise PermissionError(event)
    if event == "open" and isinstance(told[1], str) and set(told[1]) & set("wax+"):
        raise PermissionError(f"{{told[0]}} was to be written")
sys.dont_write_bytecode = True
sys.addaudithook(watch)
sys.meta_path.insert(0, Refused())
sys.path[:0] = [{client!r}]
from chartrier_client.command import main
code = main(sys.argv[1:], {{}})
strays = [name for name in sys.modules if name.partition(".")[0] in {refused!r}]
sys.exit(99 if strays else code)
"""


def alone(given: Path, *words: str, refused: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    script = ALONE.format(client=str(CLIENT), refused=set(refused))
    command = [sys.executable, "-I", "-c", script, "verify", *words, "--trust", "root.pem", *AT]
    return subprocess.run(command, cwd=given, capture_output=True, text=True, check=False)


NOTHING_OF_THE_ARCHIVE = ("services", "shared", "tests")


def test_it_needs_nothing_of_the_archive_opens_no_connection_and_writes_nothing(given: Path) -> None:
    files = ("seal.tar", "journal.ndjson", "line.der", "aip.tar", "receipt.jws")

    done = alone(given, *files, refused=NOTHING_OF_THE_ARCHIVE)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("missing", ["asn1crypto", "cryptography"])
def test_without_the_extra_it_says_what_to_install(given: Path, missing: str) -> None:
    done = alone(given, "seal.tar", refused=(missing,))

    assert done.returncode == 1
    assert "pip install 'chartrier-client[verify]'" in done.stderr
    assert missing in done.stderr


def test_without_pyhanko_attestations_only_are_not_verified(given: Path) -> None:
    (given / "attestation.pdf").write_bytes(b"%PDF-1.7")

    done = alone(given, "attestation.pdf", refused=("pyhanko",))

    assert done.returncode == 3, done.stderr
    assert "pip install 'chartrier-client[verify]'" in done.stdout
