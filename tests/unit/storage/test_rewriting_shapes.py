"""Partial purges of AIPs of every shape: groups, physical objects, content inside the message, signatures, size."""

import tracemalloc
from pathlib import Path

from lxml import etree

from services.storage.pipeline.package_check import check_package
from services.storage.pipeline.rewriting.package import rewrite_package
from tests.builders.aips import AIP_ID, Described, a_checked_transfer, a_physical, a_unit
from tests.builders.purges import AnAip, Trickle, a_rewrite_plan, an_aip, with_manifest
from tests.builders.sips import AFile, ASip, AUnit

MANIFEST = "submission/manifest.xml"
DATA = "representations/original/data/"


def whole(aip: AnAip) -> AnAip:
    assert check_package(Trickle(aip.content, 1 << 20), str(AIP_ID)).faults == ()
    return aip


def two_units() -> ASip:
    units = (AUnit("Une", files=(0,)), AUnit("Autre", files=(1,)))
    files = (AFile("un.txt", b"un"), AFile("deux.txt", b"deux"))
    return ASip(files, (AUnit("Racine", "RecordGrp", units=units),), "2.2")


def in_groups(sip: ASip) -> ASip:
    """Put each object in an element of its group, with a book of what happened to it."""
    changes = []
    for n in (0, 1):
        start = f'<BinaryDataObject id="obj-{n}">'
        changes.append((f"{start}\n<DataObjectGroupId>grp-{n}</DataObjectGroupId>", start))
        changes.append((start, f'<DataObjectGroup id="grp-{n}">{start}'))
    event = "<EventType>dit</EventType><EventDateTime>2024-01-01T00:00:00</EventDateTime>"
    book = f"<LogBook><Event>{event}</Event></LogBook>"
    return with_manifest(sip, *changes, ("</BinaryDataObject>", f"</BinaryDataObject>{book}</DataObjectGroup>"))


def test_a_group_goes_with_the_last_of_its_objects(tmp_path: Path) -> None:
    sip = in_groups(two_units())
    before = an_aip(tmp_path, sip)

    after = whole(before.purged(before.units("unit-3")))

    text = after.members[MANIFEST].decode()
    assert text.count("<EventType>dit</EventType>") == 1
    group, gone = before.plan.group_id("grp-1"), before.plan.object_id("obj-1")
    ours = 'xmlns="fr:gouv:culture:archivesdefrance:seda:v2.2"'
    mark = '<?chartrier-purged order="01890a5d-ac96-774b-bcce-b302099a8101" at="2036-04-02T09:30:00Z"?>'
    assert (
        f'<DataObjectGroup {ours} id="purged-{group}">{mark}'
        f'<BinaryDataObject {ours} id="purged-{gone}">{mark}</BinaryDataObject></DataObjectGroup>'
    ) in text


def test_without_any_file_left_the_message_is_shown(tmp_path: Path) -> None:
    units = (AUnit("Avec", files=(0,)), AUnit("Sans"))
    before = an_aip(tmp_path, ASip((AFile("un.txt", b"un"),), (AUnit("Racine", "RecordGrp", units=units),)))

    after = whole(before.purged(before.units("unit-2")))

    assert [name for name in after.members if name.startswith(DATA)] == []
    mets = etree.fromstring(after.members["METS.xml"])
    (group,) = mets.iterfind(".//{*}fileGrp[@ID='group-original']")
    assert [link.get("{http://www.w3.org/1999/xlink}href") for link in group.iter("{*}FLocat")] == [MANIFEST]
    # And once more, now that it is shown already.
    assert after.catalogue[0]["counts"]["files"] == 0


def test_objects_without_files_go_too() -> None:
    described = Described(
        (a_physical("PHY1"), a_physical("PHY2")),
        (a_unit("ROOT", children=("AU1", "AU2")), a_unit("AU1", objects=("PHY1",)), a_unit("AU2", objects=("PHY2",))),
    )
    manifest = (
        '<ArchiveTransfer xmlns="urn:seda">'
        '<PhysicalDataObject id="PHY1"><PhysicalId>Boîte 1</PhysicalId></PhysicalDataObject>'
        '<PhysicalDataObject id="PHY2"><Attachment>Qm/DrnRl</Attachment></PhysicalDataObject>'
        '<ArchiveUnit id="ROOT"><ArchiveUnit id="AU1"><Content>x</Content></ArchiveUnit><ArchiveUnit id="AU2"/>'
        "</ArchiveUnit></ArchiveTransfer>"
    )
    transfer = a_checked_transfer({}, described, manifest=manifest.encode())
    before = AnAip(transfer.build()[0], transfer.plan)

    after = whole(before.purged(before.units("AU2")))

    text = after.members[MANIFEST].decode()
    assert "Boîte 1" in text
    assert "Qm/DrnRl" not in text
    assert text.startswith(manifest[: manifest.index('<PhysicalDataObject id="PHY2">')])


def test_a_relation_to_what_went_is_told_no_more(tmp_path: Path) -> None:
    sip = with_manifest(
        two_units(),
        (
            '<BinaryDataObject id="obj-0">\n',
            '<BinaryDataObject id="obj-0">\n<Relationship target="obj-1" type="est lié à"/>',
        ),
    )
    before = an_aip(tmp_path, sip)

    after = whole(before.purged(before.units("unit-3")))

    assert b"obj-1" not in after.members[MANIFEST]


def test_memory_grows_with_neither_files_nor_the_message(tmp_path: Path) -> None:
    size = 32 << 20
    before = an_aip(tmp_path, a_sip_of_large_and_small(size))
    tracemalloc.start()
    try:
        with (tmp_path / "out").open("wb") as out:
            rewrite_package(Trickle(before.content, 1 << 20), before.units("unit-3"), a_rewrite_plan(), out)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (tmp_path / "out").stat().st_size > size
    assert peak < size / 2


def a_sip_of_large_and_small(size: int) -> ASip:
    files = (AFile("grand.bin", b"x" * size), AFile("petit.txt", b"petit"))
    units = (AUnit("Grand", files=(0,)), AUnit("Petit", files=(1,)))
    return ASip(files, (AUnit("Racine", "RecordGrp", units=units),))
