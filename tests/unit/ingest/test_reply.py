import re
from dataclasses import replace
from io import BytesIO

import pytest
from lxml import etree

from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import Manifest
from services.ingest.pipeline.reply import (
    Letter,
    acknowledgement,
    can_answer,
    compose_reply,
)
from services.ingest.pipeline.reply_codes import LISTS, outcome
from services.ingest.pipeline.reply_package import write_reply_package
from services.ingest.pipeline.schema import NAMESPACES, load_schema
from tests.answers import official_schema, valid_answer
from tests.builders.aips import (
    Described,
    a_binary,
    a_checked_transfer,
    a_file,
    a_header,
    a_manifest,
    a_physical,
    a_plan,
    a_unit,
)
from tests.corpus_location import official_xsd_dir

DATE = "2026-03-02T09:15:30Z"
ERROR = Finding("OBJECT_DIGEST_MISMATCH", Severity.ERROR, "Content/a.pdf")
WARNING = Finding("RULE_UNKNOWN", Severity.WARNING, "manifest.xml:51 ID22")
NOTE = Finding("FORMAT_IDENTIFIED", Severity.INFO, "Content/a.pdf")
EVERY_VERSION = pytest.mark.parametrize("version", sorted(NAMESPACES))


def a_letter(version: str = "2.1", archival_agreement: str | None = "ACCORD-MAIRIE-001") -> Letter:
    return Letter(a_header(version, archival_agreement), "01890a5d-ac96-774b-bcce-b302099a8099", DATE)


def sentence(finding: Finding) -> str:
    return f"L’élément «{finding.place}» est en cause."


def package(manifest: Manifest) -> bytes:
    out = BytesIO()
    write_reply_package(manifest, a_plan(), out)
    return out.getvalue()


def acceptance(version: str = "2.1", findings: tuple[Finding, ...] = ()) -> etree._Element:
    manifest = a_checked_transfer().manifest
    objects = (*manifest.objects, a_physical())
    content = package(replace(manifest, header=a_header(version), objects=objects))
    pieces = (content[n : n + 100] for n in range(0, len(content), 100))
    return etree.fromstring(b"".join(compose_reply(a_letter(version), findings, sentence, DATE, pieces)))


def refusal(version: str = "2.1", findings: tuple[Finding, ...] = (ERROR,)) -> etree._Element:
    return etree.fromstring(b"".join(compose_reply(a_letter(version), findings, sentence)))


def trials(version: str) -> list[etree._Element]:
    letter = replace(a_letter(version), trial=True)
    return [
        etree.fromstring(content)
        for content in (
            acknowledgement(letter),
            b"".join(compose_reply(letter, (NOTE,), sentence)),
            b"".join(compose_reply(letter, (ERROR,), sentence)),
        )
    ]


def text(message: etree._Element, path: str) -> list[str | None]:
    namespace = etree.QName(message).namespace
    return [element.text for element in message.iterfind(re.sub(r"(\w+)", rf"{{{namespace}}}\1", path))]


def answers(version: str) -> list[etree._Element]:
    return [
        etree.fromstring(acknowledgement(a_letter(version))),
        etree.fromstring(acknowledgement(a_letter(version, None))),
        acceptance(version),
        acceptance(version, (WARNING, NOTE)),
        refusal(version, (ERROR, WARNING)),
        *trials(version),
    ]


@EVERY_VERSION
def test_answers_are_valid_against_our_schema(version: str) -> None:
    schema = load_schema(version)

    for answer in answers(version):
        schema.assertValid(answer)


@EVERY_VERSION
def test_answers_are_valid_against_the_official_schema(version: str) -> None:
    schema = official_schema(version, official_xsd_dir())

    for answer in answers(version):
        schema.assertValid(answer)


@EVERY_VERSION
def test_answers_speak_the_version_of_the_sip_in_the_default_namespace(version: str) -> None:
    for answer in answers(version):
        assert answer.nsmap == {None: f"fr:gouv:culture:archivesdefrance:seda:v{version}"}
        assert {etree.QName(element).namespace for element in answer.iter()} == {answer.nsmap[None]}


@EVERY_VERSION
def test_every_answer_to_a_trial_says_first_that_nothing_was_kept(version: str) -> None:
    answers_to_trials = trials(version)

    assert all(str(text(answer, "Comment")[0]).startswith("ESSAI : rien") for answer in answers_to_trials)
    assert [text(answer, "GrantDate") for answer in answers_to_trials] == [[], [], []]
    assert [text(answer, "ReplyCode") for answer in answers_to_trials] == [[], ["OK"], ["KO"]]


def test_a_trial_is_granted_nothing() -> None:
    with pytest.raises(ValueError, match="in earnest"):
        list(compose_reply(replace(a_letter(), trial=True), (NOTE,), sentence, DATE))


def test_an_acknowledgement_goes_from_the_archive_to_the_depositor_and_names_his_message() -> None:
    answer = etree.fromstring(acknowledgement(a_letter()))

    assert text(answer, "MessageReceivedIdentifier") == ["Versement 2026/12 & suite"]
    assert text(answer, "MessageIdentifier") == ["01890a5d-ac96-774b-bcce-b302099a8099"]
    assert text(answer, "Sender/Identifier") == ["CDG-099"]
    assert text(answer, "Receiver/Identifier") == ["MAIRIE-001"]


def test_an_acceptance_bears_the_grant_date_and_the_identifiers_of_both_messages() -> None:
    answer = acceptance()

    assert text(answer, "ReplyCode") == ["OK"]
    assert text(answer, "GrantDate") == [DATE]
    assert text(answer, "MessageRequestIdentifier") == ["Versement 2026/12 & suite"]
    assert text(answer, "MessageIdentifier") == ["01890a5d-ac96-774b-bcce-b302099a8099"]


def test_an_acceptance_gives_our_identifiers_under_those_of_the_sip() -> None:
    answer = acceptance()

    plan = a_plan()
    found = answer.find("{*}DataObjectPackage/{*}BinaryDataObject[@id='OBJ2']")
    unit = answer.find("{*}DataObjectPackage/{*}DescriptiveMetadata/{*}ArchiveUnit[@id='AU2']")
    assert found is not None
    assert unit is not None
    assert found.findtext("{*}DataObjectSystemId") == str(plan.object_id("OBJ2"))
    assert found.findtext("{*}DataObjectGroupSystemId") == str(plan.group_id("GRP2"))
    assert found.findtext("{*}DataObjectVersion") == "BinaryMaster"
    assert unit.findtext("{*}Content/{*}SystemId") == str(plan.unit_id("AU2"))


def test_every_object_and_unit_of_the_manifest_is_answered() -> None:
    described = Described(
        (a_binary("BIN1", a_file("a", b"a")), a_physical("PHY1")),
        (a_unit("AU1", children=("AU2",)), a_unit("AU2", objects=("BIN1", "PHY1"))),
    )
    fragment = etree.fromstring(package(a_manifest(described)))

    assert [(str(element.tag), element.get("id")) for element in fragment.iterfind(".//*[@id]")] == [
        ("BinaryDataObject", "BIN1"),
        ("PhysicalDataObject", "PHY1"),
        ("ArchiveUnit", "AU1"),
        ("ArchiveUnit", "AU2"),
    ]


def test_a_refusal_has_neither_grant_date_nor_package() -> None:
    answer = refusal()

    assert text(answer, "ReplyCode") == ["KO"]
    assert text(answer, "GrantDate") == []
    assert text(answer, "DataObjectPackage") == []


def test_each_finding_is_an_event_and_the_worst_comes_last() -> None:
    answer = refusal(findings=(ERROR, NOTE, WARNING))

    assert text(answer, "Operation/Event/Outcome") == ["OK", "WARNING", "KO"]
    assert text(answer, "Operation/Event/OutcomeDetail") == [NOTE.code, WARNING.code, ERROR.code]
    assert text(answer, "Operation/Event/OutcomeDetailMessage")[-1] == "L’élément «Content/a.pdf» est en cause."
    assert text(answer, "Operation/Event/EventDetailData")[1] == "manifest.xml:51 ID22"
    assert text(answer, "Operation/Event/EventTypeCode")[-1] == "OBJECT"


def test_the_outcome_is_the_worst_of_the_findings() -> None:
    ladder = [(), (NOTE,), (NOTE, WARNING), (WARNING, ERROR, NOTE)]

    assert [outcome(findings) for findings in ladder] == ["OK", "OK", "WARNING", "KO"]


def test_a_grant_date_with_an_error_or_an_acceptance_without_one_is_a_bug() -> None:
    for findings, grant_date in (((ERROR,), DATE), ((), None)):
        with pytest.raises(ValueError, match="grant date"):
            b"".join(compose_reply(a_letter(), findings, sentence, grant_date))


@EVERY_VERSION
def test_a_hostile_file_name_does_not_break_the_reply(version: str) -> None:
    hostile = Finding("CONTAINER_TRAVERSAL", Severity.ERROR, "../<?chartrier package?>\x00\n&]]>")

    answer = refusal(version, (hostile, Finding("CONTAINER_EMPTY", Severity.ERROR, " ")))

    load_schema(version).assertValid(answer)
    assert "<?chartrier package?>" in "".join(map(str, answer.itertext()))


def test_no_answer_is_written_to_a_message_of_an_unknown_version_or_without_identifier() -> None:
    assert can_answer(a_header("2.2"))
    assert not can_answer(None)
    assert not can_answer(a_header("1.0"))
    with pytest.raises(ValueError, match=r"SEDA 1\.0"):
        acknowledgement(a_letter("1.0"))


@EVERY_VERSION
def test_every_finding_is_told_in_the_way_of_the_version_the_worst_last(version: str) -> None:
    answer = refusal(version, (ERROR, WARNING))

    events = text(answer, "Operation/Event/OutcomeDetail")
    comments = [str(comment).split()[1] for comment in text(answer, "Comment")[1:]]
    assert (events or [code.rstrip(",") for code in comments]) == [WARNING.code, ERROR.code]


@EVERY_VERSION
def test_every_version_tells_our_identifiers_of_units_and_binary_objects(version: str) -> None:
    told = etree.tostring(acceptance(version), encoding="unicode")

    plan = a_plan()
    assert all(str(plan.unit_id(unit)) in told for unit in ("ROOT", "AU1", "AU2"))
    assert all(str(plan.object_id(found)) in told for found in ("OBJ1", "OBJ2"))


@pytest.mark.parametrize(
    ("codes", "accepted", "refused"), [(ReplyCodes.VITAM, "WARNING", "KO"), (ReplyCodes.NUMERIC, "000", "207")]
)
def test_the_reply_code_is_of_the_vocabulary_of_the_agreement(codes: ReplyCodes, accepted: str, refused: str) -> None:
    letter = replace(a_letter(), codes=codes)
    acceptance = valid_answer(b"".join(compose_reply(letter, (WARNING,), sentence, DATE)))
    refusal = valid_answer(b"".join(compose_reply(letter, (WARNING, ERROR), sentence)))

    assert text(acceptance, "ReplyCode") == [accepted]
    assert text(refusal, "ReplyCode") == [refused]
    assert text(refusal, "CodeListVersions/ReplyCodeListVersion") == [LISTS[codes]]
