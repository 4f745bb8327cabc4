"""A partial purge leaves nothing of what went, and all that stays as it was."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import jsonschema
import pytest
from lxml import etree

from services.storage.pipeline.package_check import check_package
from services.storage.pipeline.rewriting.layout import Listed, UnreadablePackage
from services.storage.pipeline.rewriting.scope import ImpossiblePurge, read_scope
from shared.checksums import sha512_of
from tests.builders.aips import AIP_ID
from tests.builders.purges import (
    MARK,
    ORDER,
    PLANTED,
    AnAip,
    Trickle,
    a_planted_aip,
    a_planted_sip,
    a_rewrite_plan,
    an_aip,
    rewritten,
)
from tests.builders.sips import AFile, ASip, AUnit

CATALOGUE = "metadata/descriptive/catalogue.ndjson"
MANIFEST = "submission/manifest.xml"
PREMIS = "metadata/preservation/premis.xml"
P = "{http://www.loc.gov/premis/v3}"
DATA = "representations/original/data/"


def faults(aip: AnAip) -> tuple[object, ...]:
    return check_package(Trickle(aip.content, 1 << 20), str(AIP_ID)).faults


def by_id(aip: AnAip) -> dict[str, dict[str, object]]:
    return {line["id"]: line for line in aip.catalogue if line["type"] != "aip"}


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3"])
def test_nothing_of_what_went_is_left_anywhere(tmp_path: Path, version: str) -> None:
    before = a_planted_aip(tmp_path, version)
    assert before.content.count(MARK.encode()) > 60

    after = before.purged(before.units(*PLANTED))

    assert MARK.encode() not in after.content
    assert faults(after) == ()


def test_what_is_said_beside_what_went_goes_and_marks_stay(tmp_path: Path) -> None:
    aside = f"<!-- {MARK} --><?{MARK} {MARK}?><?chartrier-purged {MARK}?>"
    unit, item = f'<ArchiveUnit id="{PLANTED[0]}">', f'<BinaryDataObject id="{MARK}-obj-1">'
    sip = a_planted_sip()
    manifest = (sip.manifest or b"").decode()
    for text in (unit, item, '<ArchiveUnit id="unit-5">', "<MessageIdentifier>"):
        assert text in manifest
        manifest = manifest.replace(text, aside + text)
    before = an_aip(tmp_path, replace(sip, manifest=manifest.encode()))

    after = before.purged(before.units(*PLANTED))
    later = after.purged(after.units("unit-5"), replace(a_rewrite_plan(3), order_id=uuid4()))

    assert MARK.encode() not in after.members[MANIFEST]
    assert later.members[MANIFEST].count(f'<?chartrier-purged order="{ORDER}"'.encode()) == 5


def test_what_stays_of_the_message_is_byte_for_byte_as_it_was_received(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    text = before.members[MANIFEST].decode()
    namespace = 'xmlns="fr:gouv:culture:archivesdefrance:seda:v2.1"'
    mark = f'<?chartrier-purged order="{ORDER}" at="2036-04-02T09:30:00Z"?>'
    above, below = before.units(*PLANTED)
    left = (
        f'<ArchiveUnit {namespace} id="purged-{above}">{mark}'
        f'<ArchiveUnit {namespace} id="purged-{below}">{mark}</ArchiveUnit></ArchiveUnit>'
    )
    start = text.index(f'<ArchiveUnit id="{PLANTED[0]}">')
    # Behind the two units that end together.
    end = text.index('<ArchiveUnit id="unit-5">')
    text = text[:start] + left + "\n" + text[end:]
    for name, xml_id in (("Binary", f"{MARK}-obj-1"), ("Binary", f"{MARK}-obj-2"), ("Physical", f"{MARK}-phy")):
        new = before.plan.object_id(xml_id)
        element = f'<{name}DataObject {namespace} id="purged-{new}">{mark}</{name}DataObject>'
        text = re.sub(f'<{name}DataObject id="{xml_id}">.*?</{name}DataObject>', element, text, flags=re.DOTALL)
    reference = "ArchiveUnitRefId"
    text = text.replace(
        f"<{reference}>{PLANTED[0]}</{reference}>", f"<{reference} {namespace}>purged-{above}</{reference}>"
    )

    assert before.purged([above, below]).members[MANIFEST].decode() == text


def test_what_stays_of_the_catalogue_is_as_it_was_at_its_new_place(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    gone = before.units(*PLANTED)
    after = before.purged(gone)
    was, now = by_id(before), by_id(after)
    purged = {"order": str(ORDER), "at": "2036-04-02T09:30:00Z"}

    assert list(now) == list(was)
    for identifier in map(str, gone):
        parents = was[identifier]["parents"]
        assert now[identifier] == {"type": "unit", "id": identifier, "parents": parents, "purged": purged}
    kept_object = now[str(before.plan.object_id("obj-3"))]
    offset, size = int(str(kept_object["offset"])), int(str(kept_object["size"]))
    assert after.content[offset : offset + size] == b"des deux"
    assert {**kept_object, "offset": None} == {**was[str(kept_object["id"])], "offset": None}
    gone_object = now[str(before.plan.object_id(f"{MARK}-obj-2"))]
    assert gone_object == {
        "type": "object",
        "id": gone_object["id"],
        "kind": "binary",
        "size": 15,
        "sha512": sha512_of(f"{MARK} second".encode()),
        "declared": {"algorithm": "SHA-256", "digest": was[str(gone_object["id"])]["declared"]["digest"]},  # type: ignore[index]
        "purged": purged,
    }
    head = after.catalogue[0]
    assert head["counts"] == {
        "units": 3,
        "objects": 2,
        "files": 2,
        "bytes": 13,
        "purged_units": 2,
        "purged_objects": 3,
    }
    assert (head["aip_version"], head["purges"]) == (2, [{**purged, "version": 2}])


def test_every_line_of_the_new_catalogue_is_as_the_schema_beside_it_says(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    after = before.purged(before.units(*PLANTED))
    lines = jsonschema.Draft202012Validator(json.loads(after.members["schemas/catalogue.schema.json"]))

    assert [list(lines.iter_errors(line)) for line in after.catalogue] == [[]] * len(after.catalogue)
    gone = next(line for line in after.catalogue if "purged" in line)
    assert list(lines.iter_errors({**gone, "title": "Un titre"})) != []


def test_the_evidence_of_the_version_before_proves_what_is_left(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    premis = etree.fromstring(before.purged(before.units(*PLANTED)).members[PREMIS])
    digests = {text.text for text in premis.iter(f"{P}messageDigest")}

    for name in ("METS.xml", PREMIS, CATALOGUE, MANIFEST):
        assert sha512_of(before.members[name]) in digests
    # Those of files, gone or not, are what they were.
    assert {sha512_of(content) for name, content in before.members.items() if name.startswith(DATA)} <= digests


def test_premis_tells_of_the_order_and_the_visa(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    premis = etree.fromstring(before.purged(before.units(*PLANTED)).members[PREMIS])
    events = {event.findtext(f"{P}eventType"): event for event in premis.iter(f"{P}event")}

    for kind in ("deletion", "redaction"):
        detail = events[kind].findtext(f"{P}eventDetailInformation/{P}eventDetail") or ""
        assert f"order {ORDER} of 2036-04-01T08:00:00Z" in detail
        assert f"list SHA-512 {'1a' * 64}; visa SHA-512 {'2b' * 64}" in detail
    linked = [text.text for text in events["deletion"].iter(f"{P}linkingObjectIdentifierValue")]
    objects = (f"{MARK}-obj-1", f"{MARK}-obj-2", f"{MARK}-phy")
    assert linked == [str(AIP_ID), *sorted(str(before.plan.object_id(each)) for each in objects)]


def test_findings_keep_their_place_only_if_it_is_certainly_left(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    premis = etree.fromstring(before.purged(before.units(*PLANTED)).members[PREMIS])

    assert [note.text for note in premis.iter(f"{P}eventOutcomeDetailNote")] == [
        "UNIT_TITLE_EMPTY (place purged)",
        "FORMAT_UNIDENTIFIED (place purged)",
        "FORMAT_UNIDENTIFIED Content/gardé.txt",
        "OBJECT_EMPTY manifest.xml:12 obj-0",
    ]


def test_the_same_bytes_come_out_however_they_come_in(tmp_path: Path) -> None:
    before = a_planted_aip(tmp_path)
    units = before.units(*PLANTED)

    assert rewritten(before.content, units) == rewritten(before.content, [*units[::-1]], most=97)


def test_what_was_purged_before_stays_purged_and_proven(tmp_path: Path) -> None:
    first = a_planted_aip(tmp_path)
    second = first.purged(first.units(*PLANTED))
    third = second.purged(second.units("unit-5"), replace(a_rewrite_plan(3), order_id=uuid4()))

    assert faults(third) == ()
    head = third.catalogue[0]
    assert (head["counts"]["units"], head["counts"]["purged_units"], head["counts"]["files"]) == (2, 3, 1)
    assert [purge["version"] for purge in head["purges"]] == [2, 3]
    for version in (first, second):
        for name in ("METS.xml", PREMIS, MANIFEST):
            assert sha512_of(version.members[name]).encode() in third.members[PREMIS]
    assert third.members["METS.xml"].count(b"<altRecordID") == 1
    assert b"Content/partag" not in third.content


@pytest.mark.parametrize(
    ("units", "told"),
    [
        (lambda aip: aip.units(PLANTED[0]), "stays below"),
        (lambda aip: [*aip.units(*PLANTED), UUID(int=1)], "not in this AIP"),
        (lambda aip: aip.units("unit-1", "unit-2", *PLANTED, "unit-5"), "nothing would be left"),
        (lambda _: [], "no unit"),
    ],
    ids=["child-kept", "stranger", "everything", "nothing"],
)
def test_units_that_cannot_go_are_refused(tmp_path: Path, units: Callable[[AnAip], list[UUID]], told: str) -> None:
    before = a_planted_aip(tmp_path)

    with pytest.raises(ImpossiblePurge, match=told):
        before.purged(units(before))


def test_a_description_that_the_message_hides_is_refused(tmp_path: Path) -> None:
    # What the catalogue says is in the message and is not found there would be left in it.
    before = a_planted_aip(tmp_path)
    content = before.content.replace(f'id="{PLANTED[1]}"'.encode(), f'ID="{PLANTED[1]}"'.encode())

    with pytest.raises(UnreadablePackage, match="manifest"):
        rewritten(content, before.units(*PLANTED))


def test_a_file_of_no_object_goes_with_the_last_object_that_has_its_bytes(tmp_path: Path) -> None:
    units = tuple(AUnit(name, files=(n,)) for n, name in enumerate("ABC"))
    files = (AFile("un.txt", b"deux fois"), AFile("deux.txt", b"deux fois"), AFile("x.txt", b"x"))
    before = an_aip(tmp_path, ASip(files, (AUnit("Racine", "RecordGrp", units=units),)))
    lines = before.members[CATALOGUE].splitlines()
    copy = Listed("original-4", f"{DATA}copie.txt", 9, hashlib.sha512(b"deux fois").digest())

    assert not read_scope(lines, frozenset(before.units("unit-2"))).has_gone(copy)
    assert read_scope(lines, frozenset(before.units("unit-2", "unit-3"))).has_gone(copy)
    left = before.purged(before.units("unit-2"))
    assert [name.removeprefix(DATA) for name in left.members if name.startswith(DATA)] == ["deux.txt", "x.txt"]
