"""docs/verify-by-hand.md, done as it stands: its blocks, in their order, on files that the builder makes."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import pki
from tests.builders.proof_tokens import a_stamper
from tests.builders.proofs import (
    JOURNAL,
    Seal,
    Sealing,
    container,
    lines,
    receipt,
    receipt_payload,
    renewed_stamp,
    renewed_tree,
)
from tests.unit.client.test_verifying_packages import AIP, files_of, packed

PAGE = (Path(__file__).parents[3] / "docs" / "verify-by-hand.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+\.py)\n")
LISTED = re.compile(r"^\| `([\w.]+)` \|", re.MULTILINE)

PACKAGE = packed(AIP)
SEAL = Seal(
    Sealing(journals={JOURNAL: lines(5), "events.platform": lines(2, "events.platform")}, packages=(PACKAGE,))
)
FIRST = SEAL.record_of_package()
DAY = datetime(2026, 11, 23, tzinfo=UTC)
RECORD = renewed_tree(
    renewed_stamp(FIRST, DAY, a_stamper()),
    files_of(AIP).values(),
    DAY + timedelta(days=1),
    replace(a_stamper("RSA", key="2048"), root=True),
    "sha384",
)
GIVEN = {
    "root.pem": pki.root().pem,
    "aip.tar": AIP,
    "record.der": RECORD.der,
    "receipt.jws": receipt(receipt_payload(PACKAGE, AIP)),
    "seal.tar": SEAL.tar,
    "journal.ndjson": container(lines(5)),
}


def follow(folder: Path, given: dict[str, bytes]) -> "subprocess.CompletedProcess[str]":
    """Save each block of Python as it says, and type the others."""
    for name, content in given.items():
        (folder / name).write_bytes(content)
    typed = ["set -eu -o pipefail"]
    for language, block in BLOCK.findall(PAGE):
        named = NAMED.match(block)
        if language == "python":
            assert named, f"this block does not say where it is to be saved:\n{block}"
            (folder / named[1]).write_text(block, encoding="utf-8")
        else:
            typed.append(block)
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    script = folder / "terminal.sh"
    script.write_text("\n".join(typed), encoding="utf-8")
    command = ["/bin/bash", str(script)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_page_lists_what_it_needs() -> None:
    assert LISTED.findall(PAGE) == list(GIVEN)


def test_everything_is_verified_by_hand(tmp_path: Path) -> None:
    done = follow(tmp_path, GIVEN)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Verification: OK") == 4
    assert done.stdout.count("Verified OK") == 2
    assert (tmp_path / "roots").read_text(encoding="utf-8").count("\n") == 3
    assert f"{JOURNAL} 5 " in done.stdout


@pytest.mark.parametrize("name", [name for name in GIVEN if name != "root.pem"])
def test_what_is_spoiled_is_noticed_by_hand(tmp_path: Path, name: str) -> None:
    content = GIVEN[name]
    place = len(content) // 3
    spoiled = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    assert follow(tmp_path, {**GIVEN, name: spoiled}).returncode != 0


def test_a_stranger_is_not_trusted_by_hand(tmp_path: Path) -> None:
    assert follow(tmp_path, {**GIVEN, "root.pem": pki.root("Une autre").pem}).returncode != 0
