"""Every limit is a setting that an operator may move, and a package beyond it is told which, and how much it is."""

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from services.ingest.domain.finding_texts import text
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.sip import ContainerFormat
from services.ingest.domain.widest import WIDEST
from services.ingest.settings import IngestSettings, limits
from services.ingest.tasks import BuildOrder, Checked, CheckOrder, build, check
from tests.builders.sips import AFile, ASip, AUnit, a_sip, an_agreement, error_codes

SOME_ID = UUID(int=7)
# Told to nobody as a refusal of reading: they bound what is told.
NO_SETTINGS = {"max_schema_errors", "max_findings_per_code"}


def an_archive(levels: int) -> bytes:
    content = b"x" * 100
    for level in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as package:
            package.writestr(f"{level}.zip", content)
        content = out.getvalue()
    return content


def of(*files: AFile, units: tuple[AUnit, ...] = (AUnit("Acte", files=(0,)),)) -> ASip:
    return ASip(files, units)


def in_units(depth: int) -> tuple[AUnit, ...]:
    unit = AUnit("Acte", files=(0,))
    for _ in range(depth - 1):
        unit = AUnit("Dossier", "File", units=(unit,))
    return (unit,)


RULES = (
    "<AppraisalRule><Rule>A</Rule><StartDate>2024-01-01</StartDate><FinalAction>Keep</FinalAction></AppraisalRule>"
)
PLAIN = AFile("Content/a.txt", b"un acte\n")
ZEROS = AFile("Content/zeros.txt", b"0" * 100_000)

BEYOND: dict[str, tuple[ASip, dict[str, int], str]] = {
    "max_files": (of(PLAIN), {"max_files": 1}, "CONTAINER_TOO_MANY_FILES"),
    "max_expanded_bytes": (of(ZEROS), {"max_expanded_bytes": 99_000}, "CONTAINER_TOO_LARGE"),
    "max_ratio": (of(ZEROS), {"max_ratio": 11, "ratio_floor": 90_000}, "CONTAINER_RATIO"),
    "max_path_bytes": (of(AFile("Content/été.txt", b"e")), {"max_path_bytes": 16}, "CONTAINER_PATH_TOO_LONG"),
    "max_manifest_bytes": (of(PLAIN), {"max_manifest_bytes": 1234}, "MANIFEST_TOO_LARGE"),
    "max_manifest_gap": (
        of(PLAIN, units=(AUnit("Acte", files=(0,), description="x" * 400_000),)),
        {"max_manifest_gap": 123_456},
        "MANIFEST_LIMIT",
    ),
    "max_manifest_depth": (of(PLAIN, units=in_units(4)), {"max_manifest_depth": 3}, "MANIFEST_LIMIT"),
    "max_units": (of(PLAIN, units=(AUnit("Acte", files=(0,)), AUnit("Vide"))), {"max_units": 1}, "MANIFEST_LIMIT"),
    "max_objects": (
        of(PLAIN, AFile("Content/b.txt", b"b"), units=(AUnit("Acte", files=(0, 1)),)),
        {"max_objects": 1},
        "MANIFEST_LIMIT",
    ),
    "max_links": (
        of(PLAIN, AFile("Content/b.txt", b"b"), units=(AUnit("Un", files=(0,)), AUnit("Deux", files=(1,)))),
        {"max_links": 1},
        "MANIFEST_LIMIT",
    ),
    "max_rules": (
        of(PLAIN, units=(AUnit("Acte", files=(0,), management=RULES),)),
        {"max_rules": 1},
        "MANIFEST_LIMIT",
    ),
    "max_open_elements": (
        of(PLAIN, units=(AUnit("Acte", files=(0,), extra="<Tag>mot</Tag>" * 40_000),)),
        {"max_open_elements": 54_321},
        "MANIFEST_LIMIT",
    ),
    "max_attributes": (
        of(PLAIN, units=(AUnit("Acte", files=(0,), extra='<Tag xml:lang="fr" id="t">mot</Tag>'),)),
        {"max_attributes": 1},
        "MANIFEST_LIMIT",
    ),
    "max_archive_depth": (
        of(AFile("Content/a.zip", an_archive(3))),
        {"max_archive_depth": 2},
        "FORMAT_ARCHIVE_TOO_DEEP",
    ),
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, int]], Limits]:
    """What becomes of limits that an operator sets in the environment."""

    def by(values: Mapping[str, int]) -> Limits:
        monkeypatch.setenv("CHARTRIER_STAGING_URL", "file:///staging")
        for name, value in values.items():
            monkeypatch.setenv(f"CHARTRIER_{name.upper()}", str(value))
        return limits(IngestSettings())

    return by


def checked(sip: Path, bounds: Limits) -> Checked:
    return check(CheckOrder(sip, sip.with_name("header.json"), an_agreement(), {}, None, limits=bounds))


@pytest.mark.parametrize("name", BEYOND)
def test_a_package_beyond_a_limit_is_told_which_and_how_much_it_is(
    tmp_path: Path, told: Callable[[Mapping[str, int]], Limits], name: str
) -> None:
    sip, values, code = BEYOND[name]
    path = a_sip(tmp_path / "sip.zip", sip)

    refused = checked(path, told(values))

    (finding,) = [each for each in refused.findings if each.code == code]
    number = str(values[name])
    assert all(number in text(finding, language) for language in ("fr", "en"))
    assert code != "MANIFEST_LIMIT" or f"{name} = {number}" in text(finding, "fr")
    # Under the usual limits nothing of it is said.
    assert code not in error_codes(checked(path, Limits()).findings)


@pytest.mark.parametrize("container", ContainerFormat)
def test_the_bytes_of_a_package_are_bounded_in_every_container(tmp_path: Path, container: ContainerFormat) -> None:
    path = a_sip(tmp_path / "sip", of(ZEROS), container)

    large = checked(path, replace(Limits(), max_expanded_bytes=99_000))
    many = checked(path, replace(Limits(), max_files=1))

    assert error_codes(large.findings) == ["CONTAINER_TOO_LARGE"]
    assert error_codes(many.findings) == ["CONTAINER_TOO_MANY_FILES"]


def test_no_ratio_is_suspicious_under_the_floor(tmp_path: Path, told: Callable[[Mapping[str, int]], Limits]) -> None:
    path = a_sip(tmp_path / "sip.zip", of(ZEROS))

    assert error_codes(checked(path, told({"max_ratio": 1, "ratio_floor": 200_000})).findings) == []


def test_a_limit_that_is_raised_lets_in_what_was_beyond_it(
    tmp_path: Path, told: Callable[[Mapping[str, int]], Limits]
) -> None:
    long = of(PLAIN, units=(AUnit("Acte", files=(0,), description="x" * 5 * MIB),))
    deep = of(PLAIN, units=in_units(250))
    packages = [a_sip(tmp_path / f"{number}.zip", sip) for number, sip in enumerate((long, deep))]

    usual = [error_codes(checked(each, told({})).findings) for each in packages]
    raised = told({"max_manifest_gap": 6 * MIB, "max_manifest_depth": 260})

    assert usual == [["MANIFEST_LIMIT"]] * 2
    assert [error_codes(checked(each, raised).findings) for each in packages] == [[], []]


def test_every_limit_is_a_setting_with_its_usual_value_and_its_widest(
    told: Callable[[Mapping[str, int]], Limits],
) -> None:
    names = {field.name for field in fields(Limits)} - NO_SETTINGS

    assert names <= IngestSettings.model_fields.keys()
    # A file beyond the last one is refused only by agreements that ask for signatures (test_signatures_*).
    assert names - BEYOND.keys() == {"ratio_floor", "max_signed_bytes", "max_signed_xml_bytes"}
    assert told({}) == Limits()
    assert told({name: getattr(WIDEST, name) for name in names}) == WIDEST


@pytest.mark.parametrize("name", ["max_path_bytes", "max_manifest_depth", "max_manifest_gap", "max_archive_depth"])
def test_no_limit_is_wider_than_what_works(told: Callable[[Mapping[str, int]], Limits], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        told({name: getattr(WIDEST, name) + 1})


def test_a_minute_is_the_least_a_step_may_take(told: Callable[[Mapping[str, int]], Limits]) -> None:
    told({"step_seconds": 60})
    with pytest.raises(ValidationError, match="step_seconds"):
        told({"step_seconds": 59})


def built(sip: Path, inventory: bytes) -> bytes:
    plan = BuildPlan(
        aip_id=SOME_ID,
        transfer_id=SOME_ID,
        establishment=SOME_ID,
        agreement_identifier="ACCORD-1",
        agreement_version=1,
        received_at="2026-03-02T08:15:00+00:00",
        planned_at="2026-03-02T08:16:00+00:00",
        sip_sha512="0" * 128,
        sip_size=sip.stat().st_size,
        depositor="client:tests",
        software={"chartrier": "0.1.0"},
        findings=(),
    )
    aip = sip.with_name("aip.tar")
    build(BuildOrder(sip, inventory, plan, aip, sip.with_name("package.xml")))
    return aip.read_bytes()


def test_what_is_at_the_widest_of_the_limits_can_be_checked_and_built(tmp_path: Path) -> None:
    depth = WIDEST.max_manifest_depth
    path = "Content/" + "/".join(["é" * 100] * 15)
    path += "x" * (WIDEST.max_path_bytes - len(path.encode()))
    description = "<Deep>" * (depth - 1) + "profond" + "</Deep>" * (depth - 1)
    unit = AUnit("Acte", files=(0,), extra=description)
    for _ in range(depth - 1):
        unit = AUnit("Dossier", "File", units=(unit,))
    sip = a_sip(tmp_path / "sip.zip", of(AFile(path, b"loin\n"), units=(unit,)))

    accepted = checked(sip, WIDEST)

    assert {each.code for each in accepted.findings if each.code.startswith("CONTAINER")} == set()
    assert accepted.inventory is not None
    assert accepted.counts["units"] == depth
    assert path.encode() in built(sip, accepted.inventory)


def test_whatever_a_step_writes_lies_in_the_folder_that_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sip = a_sip(tmp_path / "sip.zip", of(PLAIN))
    # A child that is killed leaves what it wrote elsewhere for ever; here elsewhere is nowhere.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    inventory = checked(sip, Limits()).inventory

    assert inventory is not None
    assert built(sip, inventory)
    assert tempfile.tempdir == str(tmp_path / "nowhere")
