"""Whatever the bytes, a check ends with findings and no exception."""

import gzip
import random
import zipfile
from pathlib import Path

import pytest

from chartrier_client import Rule, RuleCategory, SipBuilder, SourceFile, Unit, check_sip
from services.ingest.domain.sip import ContainerFormat
from tests.builders.sips import a_sip
from tests.unit.client.folders import an_envelope

CASES = 300


def mutant(content: bytes, chance: random.Random) -> bytes:
    """The bytes with some changed, taken away, put in or repeated."""
    changed = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        at, length = chance.randrange(len(changed)), chance.randrange(1, 40)
        match chance.randrange(5):
            case 0 | 1:
                changed[at] = chance.randrange(256)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at - length : at]
            case _:
                changed[at : at + 4] = chance.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
    return bytes(changed)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    builder = SipBuilder(an_envelope())
    rule = Rule(RuleCategory.APPRAISAL, "APP", None, "Keep")
    root = builder.add_unit(Unit("Dossier", start_date="2020", end_date="2021", rules=(rule,)))
    for name in ("a.txt", "b.txt"):
        builder.add_file(builder.add_unit(Unit(name), root), SourceFile(name, name.encode()))
    return builder.write(tmp_path / "right.zip").path


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "manifest"])
def test_a_check_of_nonsense_ends_with_findings(tmp_path: Path, right: Path, kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311 (no secret)
    with zipfile.ZipFile(right) as package:
        files = {name: package.read(name) for name in package.namelist()}
    content = {
        "zip": right.read_bytes(),
        "tar": a_tar(tmp_path),
        "tar.gz": gzip.compress(a_tar(tmp_path)),
        "manifest": files["manifest.xml"],
    }[kind]
    path, told = tmp_path / "nonsense", 0
    for _ in range(CASES):
        nonsense = mutant(content, chance)
        if kind == "manifest":
            write(path, files | {"manifest.xml": nonsense})
        else:
            path.write_bytes(nonsense)
        told += len(check_sip(path).findings)

    assert told > CASES / 2


def a_tar(place: Path) -> bytes:
    return a_sip(place / "right.tar", container=ContainerFormat.TAR).read_bytes()


def write(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
