"""Each check, on a whole package: what is wrong is told, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.ingest.domain.agreement import Agreement, MatchHeader, UnknownRules, Usages
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import Verdict, judge
from services.ingest.pipeline.judged import open_judged
from tests.builders.sips import AFile, ASip, AUnit, a_manifest, a_sip, an_agreement, codes, error_codes

PLAIN = Identification("x-fmt/111", "Plain Text File", "text/plain")
RULES = {"APP1": KnownRule("AppraisalRule"), "ACC1": KnownRule("AccessRule")}


def verdict(folder: Path, sip: ASip, agreement: Agreement | None = None) -> Verdict:
    path = a_sip(folder / "sip", sip)
    return judge(path, agreement or an_agreement(), RULES, Limits(), lambda _: PLAIN, None)


def found_in(folder: Path, sip: ASip, agreement: Agreement | None = None) -> list[str]:
    return codes(verdict(folder, sip, agreement).findings)


def with_manifest(sip: ASip, *changes: tuple[str, str]) -> ASip:
    manifest = a_manifest(sip).decode()
    for before, after in changes:
        assert before in manifest
        manifest = manifest.replace(before, after, 1)
    return replace(sip, manifest=manifest.encode())


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    files = (AFile("a.txt", digest="00" * 64), AFile("b.txt", size=5), AFile("c.txt", b"C", uri="d.txt"))
    units = (AUnit("", files=(0, 1, 2), start_date="2024-02-01", end_date="2024-01-01"),)

    assert set(found_in(tmp_path, ASip(files, units))) == {
        "OBJECT_DIGEST_MISMATCH",
        "OBJECT_SIZE_MISMATCH",
        "OBJECT_FILE_MISSING",
        "OBJECT_FILE_UNCLAIMED",
        "UNIT_TITLE_EMPTY",
        "UNIT_DATES_REVERSED",
    }


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("SHA512", ""),
        ("sha-256", ""),
        ("SHA-384", ""),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        ("SHA-256", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
    ],
)
def test_digests_are_understood_however_they_are_written(tmp_path: Path, algorithm: str, digest: str) -> None:
    assert found_in(tmp_path, ASip((AFile("a.txt", b"abc", algorithm, digest),))) == []


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-1"])
def test_weak_algorithms_are_checked_and_told_of(tmp_path: Path, algorithm: str) -> None:
    right = verdict(tmp_path, ASip((AFile("a.txt", b"abc", algorithm),)))
    wrong = verdict(tmp_path, ASip((AFile("a.txt", b"abc", algorithm, "00" * (16 if algorithm == "MD5" else 20)),)))

    assert codes(right.findings) == ["OBJECT_DIGEST_WEAK"]
    assert error_codes(right.findings) == []
    assert error_codes(wrong.findings) == ["OBJECT_DIGEST_MISMATCH"]


@pytest.mark.parametrize(
    ("algorithm", "digest", "code"),
    [
        ("CRC32", "00", "OBJECT_DIGEST_ALGORITHM"),
        ("SHA-512", "00" * 32, "OBJECT_DIGEST_UNREADABLE"),
        ("SHA-512", None, "OBJECT_DIGEST_MISSING"),
    ],
)
def test_digests_that_prove_nothing_are_refused(
    tmp_path: Path, algorithm: str, digest: str | None, code: str
) -> None:
    assert code in found_in(tmp_path, ASip((AFile("a.txt", b"abc", algorithm, digest),)))


def test_digests_computed_are_those_declared_and_our_own(tmp_path: Path) -> None:
    inventory = verdict(tmp_path, ASip((AFile("a.txt", b"abc", "MD5"), AFile("b.txt", b"")))).inventory

    assert inventory is not None
    assert inventory.files[0].digests == {"MD5": "900150983cd24fb0d6963f7d28e17f72"}
    assert inventory.files[1].digests == {"SHA-512": inventory.files[1].sha512}
    assert (inventory.files[1].size, inventory.files[1].puid) == (0, None)


def test_an_empty_file_is_told_of(tmp_path: Path) -> None:
    assert found_in(tmp_path, ASip((AFile("vide.txt", b""),))) == ["OBJECT_EMPTY"]


@pytest.mark.parametrize("uri", ["Content/pi%C3%A8ce%201.txt", "./Content/pie\u0300ce 1.txt"])
def test_a_uri_finds_its_file_however_it_is_written(tmp_path: Path, uri: str) -> None:
    sip = ASip((AFile("Content/pièce 1.txt", uri=uri),))

    found = verdict(tmp_path, sip)
    assert found.findings == ()
    assert found.inventory is not None
    package, manifest = open_judged(tmp_path / "sip", found.inventory, Limits())

    assert manifest == found.manifest
    assert manifest.objects[0].uri == "Content/pièce 1.txt"
    assert [path for path, _, _ in package.files()] == ["Content/pièce 1.txt"]


def test_one_file_is_the_file_of_one_object(tmp_path: Path) -> None:
    sip = ASip((AFile("a.txt"), AFile("b.txt", uri="a.txt")))

    assert found_in(tmp_path, sip) == ["OBJECT_FILE_SHARED", "OBJECT_FILE_UNCLAIMED"]


def test_an_object_without_uri_or_with_its_content_inside_is_refused(tmp_path: Path) -> None:
    none = ASip((AFile("a.txt", uri=None, digest=None),))
    inside = with_manifest(ASip((AFile("a.txt"),)), ("<Uri>a.txt</Uri>", "<Attachment>YWJj</Attachment>"))

    assert "OBJECT_URI_EMPTY" in found_in(tmp_path, none)
    assert found_in(tmp_path, inside) == ["OBJECT_INLINE", "OBJECT_FILE_UNCLAIMED"]


def usage_findings(folder: Path, usages: Usages, *files: AFile) -> list[Finding]:
    found = verdict(folder, ASip(files), an_agreement(usages=usages))
    return [finding for finding in found.findings if finding.code.startswith("OBJECT_USAGE")]


@pytest.mark.parametrize(
    ("usage", "code"),
    [("BinaryMaster_1,5", "OBJECT_USAGE"), ("Copie", "OBJECT_USAGE"), ("PhysicalMaster_1", "OBJECT_USAGE_KIND")],
)
def test_a_wrong_usage_weighs_what_the_agreement_says(tmp_path: Path, usage: str, code: str) -> None:
    for usages, severity in ((Usages.STRICT, Severity.ERROR), (Usages.LENIENT, Severity.WARNING)):
        found = usage_findings(tmp_path, usages, AFile("a.txt", usage=usage))
        assert [(finding.code, finding.severity) for finding in found] == [(code, severity)]


@pytest.mark.parametrize("usage", [None, "BinaryMaster", "Dissemination_12", "TextContent"])
def test_usual_usages_are_no_finding(tmp_path: Path, usage: str | None) -> None:
    assert usage_findings(tmp_path, Usages.STRICT, AFile("a.txt", usage=usage)) == []


def test_formats_are_compared_with_the_declared_one_and_the_agreement(tmp_path: Path) -> None:
    sip = ASip((AFile("a.txt", b"abc", format_id="fmt/18"),))
    unknown = judge(a_sip(tmp_path / "u", sip), an_agreement(), {}, Limits(), lambda _: Identification(None), None)

    assert found_in(tmp_path, sip) == ["FORMAT_MISMATCH"]
    assert codes(unknown.findings) == ["FORMAT_UNIDENTIFIED"]
    assert found_in(tmp_path, sip, an_agreement(formats=("fmt/18",))) == ["FORMAT_MISMATCH", "FORMAT_NOT_ALLOWED"]
    assert found_in(tmp_path, sip, an_agreement(formats=("x-fmt/111",))) == ["FORMAT_MISMATCH"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-03-01", "2024-02-29", ["UNIT_DATES_REVERSED"]),
        ("2015", "2015-03", []),
        ("2015-03", "2015", []),
        ("2016-06-03T15:28:00", "2016-06-03T10:00:00", []),
        ("9090-10-10", "12000-01-01", ["UNIT_DATE_FAR", "UNIT_DATE_FAR"]),
        ("--05", None, ["UNIT_DATE_WITHOUT_YEAR"]),
        ("-0044-03-15", "0476", []),
    ],
)
def test_dates_are_compared_as_far_as_they_are_precise(
    tmp_path: Path, start: str, end: str | None, expected: list[str]
) -> None:
    assert found_in(tmp_path, ASip((), (AUnit("U", start_date=start, end_date=end),))) == expected


@pytest.mark.parametrize(("unknown_rules", "errors"), [(UnknownRules.REJECT, 1), (UnknownRules.WARN, 0)])
def test_unknown_rules_weigh_what_the_agreement_says(
    tmp_path: Path, unknown_rules: UnknownRules, errors: int
) -> None:
    management = "<AppraisalRule><Rule>NOPE</Rule><FinalAction>Keep</FinalAction></AppraisalRule>"

    found = verdict(
        tmp_path, ASip((), management=management, units=(AUnit("U"),)), an_agreement(unknown_rules=unknown_rules)
    )

    assert codes(found.findings) == ["RULE_UNKNOWN"]
    assert len(error_codes(found.findings)) == errors


def test_a_rule_of_another_category_is_refused(tmp_path: Path) -> None:
    unit = AUnit("U", management="<AccessRule><Rule>ACC1</Rule><Rule>APP1</Rule></AccessRule>")

    assert found_in(tmp_path, ASip((), (unit,))) == ["RULE_WRONG_CATEGORY"]


@pytest.mark.parametrize("matching", MatchHeader)
def test_a_header_for_another_agreement_or_establishment_weighs_what_the_agreement_says(
    tmp_path: Path, matching: MatchHeader
) -> None:
    sip = ASip(agreement="AUTRE", originating_agency="AUTRE")
    other = verdict(tmp_path, sip, an_agreement(match_header=matching))
    absent = verdict(tmp_path, ASip(agreement=None), an_agreement(match_header=matching))

    assert codes(other.findings) == ["HEADER_AGREEMENT_MISMATCH", "HEADER_AGENCY_MISMATCH"]
    assert codes(absent.findings) == ["HEADER_AGREEMENT_MISSING"]
    weight = Severity.ERROR if matching is MatchHeader.STRICT else Severity.INFO
    assert {finding.severity for finding in (*other.findings, *absent.findings)} == {weight}


def test_an_empty_message_identifier_is_always_refused(tmp_path: Path) -> None:
    assert error_codes(verdict(tmp_path, ASip(message_identifier="")).findings) == ["HEADER_EMPTY"]


def test_the_limits_of_the_agreement_are_kept(tmp_path: Path) -> None:
    agreement = an_agreement(max_units=2, max_bytes=10)

    assert found_in(tmp_path, ASip(), agreement) == ["HEADER_TOO_MANY_UNITS", "HEADER_TOO_MANY_BYTES"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("grp-1</DataObjectGroupId>", "grp-0</DataObjectGroupId>", "REFERENCE_DUPLICATE_ID"),
        ('id="obj-1"', 'id="obj-0"', "REFERENCE_DUPLICATE_ID"),
        ("grp-0</DataObjectGroupReferenceId>", "nope</DataObjectGroupReferenceId>", "REFERENCE_UNKNOWN"),
        ("grp-0</DataObjectGroupReferenceId>", "obj-0</DataObjectGroupReferenceId>", "REFERENCE_WRONG_KIND"),
        ("grp-0</DataObjectGroupReferenceId>", "unit-1</DataObjectGroupReferenceId>", "REFERENCE_WRONG_KIND"),
        (
            "<DataObjectGroupReferenceId>grp-0</DataObjectGroupReferenceId>",
            "<DataObjectReferenceId>obj-0</DataObjectReferenceId>",
            "REFERENCE_INTO_GROUP",
        ),
        (
            "<DataObjectReference><DataObjectGroupReferenceId>grp-0</DataObjectGroupReferenceId></DataObjectReference>",
            "",
            "REFERENCE_ORPHAN_GROUP",
        ),
        ("<DataObjectGroupId>grp-0</DataObjectGroupId>", "", "REFERENCE_ORPHAN_OBJECT"),
    ],
)
def test_identifiers_and_references_hold_together(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert expected in found_in(tmp_path, with_manifest(ASip(), (before, after)))


def test_a_loop_of_units_is_told_of_once(tmp_path: Path) -> None:
    def wrapper(n: int, target: str) -> str:
        return f'<ArchiveUnit id="w{n}"><ArchiveUnitRefId>{target}</ArchiveUnitRefId></ArchiveUnit>'

    sip = with_manifest(
        ASip((), (AUnit("Un"), AUnit("Deux"))),
        ("</Content>\n</ArchiveUnit>\n", f"</Content>{wrapper(1, 'unit-2')}</ArchiveUnit>"),
        ("</Content>\n</ArchiveUnit>\n", f"</Content>{wrapper(2, 'unit-1')}</ArchiveUnit>"),
    )

    found = verdict(tmp_path, sip).findings

    assert codes(found) == ["REFERENCE_CYCLE"]
    assert found[0].params["path"] == "unit-1 → unit-2 → unit-1"


def test_a_manifest_without_units_is_refused(tmp_path: Path) -> None:
    assert "UNIT_NONE" in found_in(tmp_path, ASip((), ()))


def test_a_file_that_no_object_names_is_let_be_when_it_is_a_copy_in_another_folder(tmp_path: Path) -> None:
    others = (("copy/a.txt", b"A"), ("copy/b.txt", b"A"), ("other/a.txt", b"B"))
    sip = ASip((AFile("a.txt", b"A"),), entries=others)

    found = verdict(tmp_path, sip).findings

    assert [(one.code, one.severity, one.place) for one in found] == [
        ("OBJECT_FILE_COPY", Severity.WARNING, "copy/a.txt"),
        ("OBJECT_FILE_UNCLAIMED", Severity.ERROR, "copy/b.txt"),
        ("OBJECT_FILE_UNCLAIMED", Severity.ERROR, "other/a.txt"),
    ]


@pytest.mark.parametrize(
    ("formats", "unidentified", "refused"),
    [((), None, False), ((), False, True), (("fmt/95",), None, True), (("fmt/95",), True, False)],
)
def test_unidentified_formats_are_taken_as_the_agreement_says(
    tmp_path: Path, formats: tuple[str, ...], unidentified: bool | None, *, refused: bool
) -> None:
    path = a_sip(tmp_path / "sip", ASip((AFile("a.bin", b"A"),)))
    agreement = an_agreement(formats=formats, unidentified=unidentified)

    found = judge(path, agreement, RULES, Limits(), lambda _: Identification(None), None).findings

    assert error_codes(found) == (["FORMAT_NOT_ALLOWED"] if refused else [])
