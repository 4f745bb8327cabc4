"""Profiles as files: what is refused of them, where and why, before and while they are compiled."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from shared.profiles.bundle import MOST_DOCUMENTS
from shared.profiles.compiling import compiled
from shared.profiles.documents import XSD
from shared.profiles.faults import ProfileFault
from shared.profiles.kinds import Kind
from shared.profiles.reading import read_profile
from tests.builders.profiles import SEDA, relaxng, transfer, xsd, zipped

NS = SEDA.format("2.1")
RNG = f'xmlns="http://relaxng.org/ns/structure/1.0" ns="{NS}"'
LIMIT = 100_000


def fault_of(content: str | bytes, kind: Kind, entry: str | None = None, limit: int = LIMIT) -> ProfileFault:
    """Return why a profile is not taken."""
    given = content.encode() if isinstance(content, str) else content
    with pytest.raises(ProfileFault) as refused:
        compiled(read_profile(given, kind, entry, limit).bundle, kind)
    return refused.value


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3"])
def test_each_kind_is_read_for_its_version_of_seda(version: str) -> None:
    by_kind = {
        Kind.RELAXNG: relaxng(version=version),
        Kind.XSD_1_0: transfer(version=version),
        Kind.XSD_1_1: transfer(version=version, assertion="true()"),
    }
    for kind, content in by_kind.items():
        read = read_profile(content.encode(), kind, None, LIMIT)

        assert read.seda_versions == (version,)
        assert compiled(read.bundle, kind) is not None


def test_a_prefix_names_the_version_where_relax_ng_has_no_ns() -> None:
    element = '<start><element name="s:ArchiveTransfer"><text/></element></start>'
    content = f'<grammar xmlns="http://relaxng.org/ns/structure/1.0" xmlns:s="{NS}">{element}</grammar>'

    assert read_profile(content.encode(), Kind.RELAXNG, None, LIMIT).seda_versions == ("2.1",)


def test_comments_and_instructions_are_anywhere() -> None:
    noise = "<!-- un --><?deux trois?>"
    bodies = {Kind.RELAXNG: relaxng(), Kind.XSD_1_0: transfer(), Kind.XSD_1_1: transfer(assertion="true()")}
    for kind, body in bodies.items():
        first = body.index(">") + 1
        content = f"{noise}{body[:first]}{noise}{body[first:]}{noise}"

        assert compiled(read_profile(content.encode(), kind, None, LIMIT).bundle, kind) is not None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_profile_may_be_in_any_encoding_of_xml(encoding: str) -> None:
    assert read_profile(relaxng().encode(encoding), Kind.RELAXNG, None, LIMIT).seda_versions == ("2.1",)


UNRESOLVED = (
    f"element decl. '{{{NS}}}a', attribute 'type': The QName value '{{{XSD}}}absent' does not resolve to a(n) type "
    "definition."
)
NOT_COMPILED = [
    (
        Kind.RELAXNG,
        f'<grammar {RNG}>\n<start>\n<ref name="absent"/></start></grammar>',
        3,
        "Reference absent has no matching definition",
    ),
    (
        Kind.XSD_1_0,
        xsd('\n<xs:element name="a" type="xs:absent"/>'),
        2,
        UNRESOLVED,
    ),
    (
        Kind.XSD_1_1,
        xsd('\n<xs:element name="a" type="xs:absent"/>'),
        2,
        "unknown type 'xs:absent' (/xs:schema/xs:element)",
    ),
]


@pytest.mark.parametrize(("kind", "content", "line", "reason"), NOT_COMPILED, ids=[case[0] for case in NOT_COMPILED])
def test_what_does_not_compile_is_told_with_its_line(kind: Kind, content: str, line: int, reason: str) -> None:
    fault = fault_of(content, kind)

    assert (fault.code, fault.document, fault.line) == ("profile_not_compiled", "profile.xml", line)
    assert fault.fr == f"Le profil ne se compile pas : {reason}"
    assert fault.en == f"The profile does not compile: {reason}"


def test_malformed_xml_is_told_with_line_and_column() -> None:
    fault = fault_of("<a>\n<b></a>", Kind.RELAXNG)

    assert (fault.code, fault.line, fault.column) == ("profile_malformed", 2, 8)
    assert fault.fr == "Le XML est mal formé : Opening and ending tag mismatch: b line 2 and a."


def test_the_compact_syntax_is_refused_with_what_to_do() -> None:
    fault = fault_of('default namespace = "x"\nstart = element a { text }', Kind.RELAXNG)

    assert fault.code == "profile_not_xml"
    assert "convertissez-la en syntaxe XML (trang)" in fault.fr
    assert "convert it to the XML syntax (trang)" in fault.en


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("doctype", ["<!DOCTYPE x>", BOMB + "]>", '<!DOCTYPE x SYSTEM "http://x/y.dtd">'])
@pytest.mark.parametrize("kind", list(Kind))
def test_no_doctype_is_taken(doctype: str, kind: Kind) -> None:
    body = relaxng() if kind is Kind.RELAXNG else transfer()

    assert fault_of(doctype + body, kind).code == "profile_doctype"


ELSEWHERE = ["http://example.org/other", "file:///etc/passwd", "../outside.xsd", "/etc/passwd", "absent.xsd"]


@pytest.mark.parametrize("location", ELSEWHERE)
@pytest.mark.parametrize("element", ["include", "import", "redefine"])
def test_a_schema_takes_nothing_from_elsewhere(location: str, element: str) -> None:
    namespace = 'namespace="urn:x"' if element == "import" else ""
    content = xsd(f'\n<xs:{element} {namespace} schemaLocation="{location}"/>')

    for kind in (Kind.XSD_1_0, Kind.XSD_1_1):
        fault = fault_of(content, kind)
        assert (fault.code, fault.line) == ("profile_incomplete", 2)
        assert location in fault.fr


@pytest.mark.parametrize("location", ELSEWHERE)
@pytest.mark.parametrize("element", ["<include href='{}'/>", "<start><externalRef href='{}'/></start>"])
def test_relax_ng_takes_nothing_from_elsewhere(location: str, element: str) -> None:
    fault = fault_of(f"<grammar {RNG}>\n{element.format(location)}</grammar>", Kind.RELAXNG)

    assert (fault.code, fault.line) == ("profile_incomplete", 2)


@pytest.mark.parametrize("asked", ["exists(doc('file:///x'))", "fn:doc-available ('x')", "count(collection()) eq 0"])
def test_an_assertion_reaches_for_no_other_document(asked: str) -> None:
    fault = fault_of(transfer(assertion=asked), Kind.XSD_1_1)

    assert (fault.code, fault.line) == ("profile_reaches_out", 1)
    elements = transfer(assertion="count(my-doc) eq 0 and count(doc) eq 0")
    assert read_profile(elements.encode(), Kind.XSD_1_1, None, LIMIT).seda_versions == ("2.1",)


def test_what_xmlschema_only_warns_of_is_taken() -> None:
    read = read_profile(transfer(assertion="empty(//ArchiveUnit)").encode(), Kind.XSD_1_1, None, LIMIT)

    assert compiled(read.bundle, Kind.XSD_1_1) is not None


def test_a_base_leads_nowhere() -> None:
    content = f'<grammar {RNG} xml:base="file:///etc/"><include href="profile.xml"/></grammar>'

    assert fault_of(content, Kind.RELAXNG).code == "profile_base"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_profile_is_of_the_kind_announced(kind: Kind) -> None:
    fault = fault_of(transfer() if kind is Kind.RELAXNG else relaxng(), kind)

    assert (fault.code, fault.line) == ("profile_of_other_kind", 1)


def test_a_profile_of_no_version_that_is_taken_is_refused() -> None:
    fault = fault_of(relaxng(version="1.0"), Kind.RELAXNG)

    assert fault.code == "profile_of_no_seda"
    assert fault.en == "This profile is for no version of SEDA that is taken here (2.0, 2.1, 2.2, 2.3)."


def test_nothing_is_no_profile() -> None:
    assert fault_of(b" \n", Kind.RELAXNG).code == "profile_empty"


PARTS = {"main/a.xsd": xsd('<xs:include schemaLocation="../b.xsd"/>'), "b.xsd": transfer()}


@pytest.mark.parametrize("kind", [Kind.XSD_1_0, Kind.XSD_1_1])
def test_documents_of_a_zip_are_found_from_where_they_are_named(kind: Kind) -> None:
    read = read_profile(zipped({**PARTS}), kind, "main/a.xsd", LIMIT)

    assert compiled(read.bundle, kind) is not None


@pytest.mark.parametrize("entry", [None, "c.xsd", "MAIN/a.xsd"])
def test_a_zip_of_several_begins_somewhere(entry: str | None) -> None:
    fault = fault_of(zipped({**PARTS}), Kind.XSD_1_0, entry)

    assert (fault.code, "b.xsd, main/a.xsd" in fault.en) == ("entry_unknown", True)


def test_an_entry_without_a_zip_is_a_mistake() -> None:
    assert fault_of(transfer(), Kind.XSD_1_0, "a.xsd").code == "entry_without_zip"


def test_the_fault_of_an_included_document_names_it() -> None:
    broken = {**PARTS, "b.xsd": xsd('\n\n<xs:element name="a" type="xs:absent"/>')}

    fault = fault_of(zipped(broken), Kind.XSD_1_0, "main/a.xsd")

    assert (fault.document, fault.line) == ("b.xsd", 3)


NAMES = ["../a.xsd", "/a.xsd", "a/../b.xsd", "C:\\a.xsd", "a\\b.xsd", "a?.xsd", "%61.xsd", "a#b.xsd", "x" * 300]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_in_a_zip_are_plain_paths(name: str) -> None:
    assert fault_of(zipped({"ok.xsd": transfer(), name: transfer()}), Kind.XSD_1_0, "ok.xsd").code == "document_name"


def test_two_documents_have_two_names_on_any_disk() -> None:
    content = zipped({"a.xsd": transfer(), "A.xsd": transfer()})

    assert fault_of(content, Kind.XSD_1_0, "a.xsd").code == "document_name"


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("é" * 150 + ".xsd",)], ids=range(3))
def test_every_name_can_be_that_of_a_file(names: tuple[str, ...]) -> None:
    content = zipped({"ok.xsd": transfer(), **dict.fromkeys(names, transfer())})

    assert fault_of(content, Kind.XSD_1_0, "ok.xsd").code == "document_name"


def test_what_a_zip_expands_to_is_counted_whatever_it_says() -> None:
    content = bytearray(zipped({"a.xsd": transfer() + " " * LIMIT}))
    at = content.rindex(b"PK\x01\x02") + 24
    honest = bytes(content)
    content[at : at + 4] = struct.pack("<I", 10)

    assert fault_of(honest, Kind.XSD_1_0).code == "profile_too_large"
    assert fault_of(bytes(content), Kind.XSD_1_0).code in {"unreadable_zip", "profile_malformed"}


def test_a_zip_holds_so_many_documents_and_no_more() -> None:
    content = zipped({f"{number}.xsd": b"" for number in range(MOST_DOCUMENTS + 1)})

    assert fault_of(content, Kind.XSD_1_0).code == "too_many_documents"


@pytest.mark.parametrize("cut", [30, 200])
def test_a_damaged_zip_is_told(cut: int) -> None:
    assert fault_of(zipped({**PARTS})[:cut], Kind.XSD_1_0, "b.xsd").code == "unreadable_zip"


@pytest.mark.parametrize("at", [60, 70, 90, 120])
def test_a_zip_damaged_anywhere_is_told(at: int) -> None:
    content = bytearray(zipped({"a.xsd": transfer()}))
    content[at : at + 8] = b"\xff" * 8

    assert fault_of(bytes(content), Kind.XSD_1_0).code in {"unreadable_zip", "document_name"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_is_packed_as_zips_are(method: int) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("a.xsd", transfer())

    assert fault_of(made.getvalue(), Kind.XSD_1_0).code == "unreadable_zip"


def test_compiling_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    compiled(read_profile(zipped({**PARTS}), Kind.XSD_1_0, "main/a.xsd", LIMIT).bundle, Kind.XSD_1_0)
    fault_of(xsd('<xs:element name="a" type="xs:absent"/>'), Kind.XSD_1_1)

    assert list(tmp_path.iterdir()) == []
