"""A rebuild in process: all of it, twice, with something missing, changed, or strange on the site."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.kept_sites import KeptSite
from services.proof.domain.containers import row
from shared import faults
from shared.messaging.chain import Head, follow
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


async def test_all_of_a_site_comes_back(ruins: Ruins, kept: KeptSite) -> None:
    report = await ruins.rebuild()

    assert report.findings == []
    counts = await ruins.counts()
    assert (counts["data_management.aip"], counts["data_management.unit"]) == (4, 3006)
    (trace,) = await ruins.rows("SELECT aip_id FROM ingest.transfer WHERE purged_by IS NOT NULL")
    assert trace["aip_id"] == kept.id("aip 5")
    assert (counts["storage.holding"], counts["storage.copy"]) == (len(kept.objects), 2 * len(kept.objects))
    assert counts["ingest.transfer"] == 5
    assert (counts["admin.organisation"], counts["admin.agreement_version"], counts["ingest.agreement"]) == (1, 1, 1)
    (published,) = await ruins.rows("SELECT published_by FROM admin.agreement_version")
    assert published["published_by"] == "client:kept"
    states = await ruins.rows(
        "SELECT DISTINCT holding.state AS h, copy.state AS c FROM storage.holding, storage.copy"
    )
    assert states == [{"h": "stored", "c": "written"}]
    (waiting,) = await ruins.rows("SELECT count(*) AS many FROM storage.work WHERE kind = 'verify'")
    assert waiting["many"] == counts["storage.copy"]


async def test_the_next_batch_of_each_room_follows_its_last_line(ruins: Ruins) -> None:
    await ruins.rebuild()

    senders = {row["name"]: row for row in await ruins.rows("SELECT * FROM proof.sender")}
    for room in ("admin", "storage", "ingest", "data_management"):
        (head,) = await ruins.rows(f"SELECT * FROM {room}.journal_head")  # noqa: S608
        assert (head["batch"], head["sha512"]) == (senders[room]["batch"], senders[room]["sha512"].hex())
    (told,) = await ruins.rows("SELECT body FROM proof.outbox")
    (line,) = json.loads(told["body"])["lines"]
    assert (line["action"], line["outcome"], line["details"]["aips"]) == ("archive.rebuilt", "ok", 4)


async def test_a_room_that_has_told_more_keeps_its_place(ruins: Ruins) -> None:
    async with ruins.rooms["ingest"].begin() as tx:
        await follow(tx.connection, "ingest", Head(1000, "ab" * 64))

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("sender_ahead", "ingest")]
    (head,) = await ruins.rows("SELECT * FROM ingest.journal_head")
    assert head["batch"] == 1000


async def test_done_again_it_changes_nothing(ruins: Ruins) -> None:
    await ruins.rebuild()
    before = await ruins.content()

    report = await ruins.rebuild()

    assert report.findings == []
    assert report.counts["units"] == 0
    assert await ruins.content() == before


async def test_a_trial_reads_all_and_writes_nothing(ruins: Ruins) -> None:
    report = await ruins.rebuild(dry=True)

    assert (report.findings, report.counts["AIPs"]) == ([], 4)
    assert not (await ruins.counts()).total()


class Died(Exception):
    """The process was killed here."""


PLACES = sorted(name for name in faults.FAULT_POINTS if name.startswith("rebuild."))
"""Those of purges too: one of the AIPs was purged."""


def dies(place: str, at: int) -> Callable[[str], None]:
    left = [at]

    def strike(name: str) -> None:
        if name == place:
            left[0] -= 1
            if left[0] == 0:
                raise Died(name)

    return strike


@pytest.mark.parametrize("place", PLACES)
async def test_killed_anywhere_and_run_again_it_comes_to_the_same_end(
    ruins: Ruins, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "strike", dies(place, 1))
    with pytest.raises(Died):
        await ruins.rebuild()
    monkeypatch.setattr(faults, "strike", None)

    report = await ruins.rebuild()

    assert report.findings == []
    counts = await ruins.counts()
    assert (counts["data_management.unit"], counts["ingest.transfer"]) == (3006, 5)
    (broken,) = await ruins.rows(
        """SELECT count(*) AS many FROM storage.holding
           WHERE (SELECT count(*) FROM storage.copy WHERE copy.holding = holding.id
                  AND copy.version = holding.version) <> 2"""
    )
    assert broken["many"] == 0


def containers(ruins: Ruins, kind: str) -> list[Path]:
    return sorted(path for path in ruins.folder.rglob("*.ndjson") if path.parent.name == kind)


async def test_a_container_with_a_changed_line_is_left_out_and_the_rest_comes_back(
    ruins: Ruins, kept: KeptSite
) -> None:
    second = containers(ruins, "archives")[1]
    good = second.read_bytes()
    second.write_bytes(good.replace(b"client:kept", b"client:else", 1))

    report = await ruins.rebuild()

    at_fault = [one for one in report.findings if one.code == "container_at_fault"]
    assert {one.place for one in at_fault} == {second.relative_to(ruins.folder).as_posix()}
    lines = sum(len(each) for each in kept.journals.values())
    assert (await ruins.counts())["proof.line"] < lines
    second.write_bytes(good)
    assert (await ruins.rebuild()).findings == []
    assert (await ruins.counts())["data_management.unit"] == 3006


async def test_a_journal_rewritten_to_its_end_is_known_by_the_write_log(ruins: Ruins) -> None:
    last = containers(ruins, "events")[0]
    (line,) = [json.loads(one) for one in last.read_bytes().splitlines()]
    last.write_bytes(
        row(json.dumps({**line, "actor": "client:else"}, sort_keys=True, separators=(",", ":")).encode())
    )

    report = await ruins.rebuild()

    assert [(one.code, one.said) for one in report.findings if one.code == "container_at_fault"] == [
        ("container_at_fault", "its digest is not the one in the write log")
    ]
    assert await ruins.rows("SELECT 1 FROM proof.journal WHERE name LIKE 'events.%'") == []


async def test_a_missing_container_is_a_gap_that_is_named(ruins: Ruins) -> None:
    containers(ruins, "archives")[0].unlink()

    codes = {one.code for one in (await ruins.rebuild()).findings}

    assert codes == {"lines_missing", "object_missing"}


async def test_a_missing_aip_is_named_and_the_others_come_back(ruins: Ruins) -> None:
    gone = min(ruins.folder.rglob("*-v*.tar"))
    key = gone.relative_to(ruins.folder).as_posix()
    gone.unlink()

    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("object_missing", key)]
    assert (await ruins.counts())["data_management.aip"] == 3


@pytest.mark.parametrize(("place", "code"), [(0, "aip_unreadable"), (-1, "catalogue_unreadable")])
async def test_an_aip_with_another_catalogue_is_named_and_not_loaded(ruins: Ruins, place: int, code: str) -> None:
    changed = sorted(ruins.folder.rglob("*-v*.tar"), key=lambda path: path.stat().st_size)[place]
    before, unit, after = changed.read_bytes().partition(b'"type":"unit"')
    changed.write_bytes(before + unit + after.replace("Délibération".encode(), b"Deliberation !", 1))

    report = await ruins.rebuild()

    key = changed.relative_to(ruins.folder).as_posix()
    assert [(one.code, one.place) for one in report.findings] == [(code, key)]
    assert (await ruins.counts())["data_management.aip"] == 3


async def test_an_aip_that_was_cut_is_named(ruins: Ruins) -> None:
    cut = max(ruins.folder.rglob("*-v*.tar"), key=lambda path: path.stat().st_size)
    cut.write_bytes(cut.read_bytes()[:100_000])

    report = await ruins.rebuild()

    assert [one.code for one in report.findings] == ["size_differs", "aip_unreadable"]
    assert (await ruins.counts())["data_management.aip"] == 3


async def test_what_came_after_the_last_containers_is_read_whole_and_comes_back(ruins: Ruins) -> None:
    lately = KeptSite(seed="lately")
    lately.found()
    lately.deposit()
    for folder in ruins.folders:
        lately.write_to(folder)

    report = await ruins.rebuild()

    # It is on both sites, and all the same nobody's word.
    assert {(one.code, one.place) for one in report.findings} == {("without_line", key) for key in lately.objects}
    (transfer,) = await ruins.rows("SELECT * FROM ingest.transfer WHERE establishment = $1", lately.establishment)
    assert (transfer["state"], transfer["size"], transfer["granted_at"]) == ("accepted", 1001, None)
    held = await ruins.rows("SELECT * FROM storage.holding WHERE establishment = $1", lately.establishment)
    assert {row["key"] for row in held} == lately.objects.keys()


async def test_a_record_that_contradicts_the_database_changes_nothing(ruins: Ruins, kept: KeptSite) -> None:
    await ruins.databases.as_superuser(
        """INSERT INTO admin.organisation (id, version, kind, identifier, name)
           VALUES ($1, 1, 'establishment', $2, 'Autre')""",
        kept.id("another"),
        kept.name,
    )

    report = await ruins.rebuild()

    assert {one.code for one in report.findings} == {"record_contradicts", "transfer_contradicts"}
    (organisation,) = await ruins.rows("SELECT name FROM admin.organisation")
    assert organisation["name"] == "Autre"
    assert (await ruins.counts())["data_management.aip"] == 4


async def test_what_nobody_of_ours_put_there_is_named(ruins: Ruins, kept: KeptSite) -> None:
    strange = ruins.folder / str(kept.establishment) / "aips" / "00" / "strange.tar"
    strange.parent.mkdir(exist_ok=True)
    strange.write_bytes(b"?")

    report = await ruins.rebuild()

    assert [(one.code, one.place.rpartition("/")[2]) for one in report.findings] == [
        ("foreign_object", "strange.tar")
    ]


async def test_a_line_that_the_database_has_otherwise_stays_and_is_named(ruins: Ruins) -> None:
    await ruins.rebuild()
    await ruins.databases.as_superuser(
        """DO $$ BEGIN
           ALTER TABLE proof.line DISABLE TRIGGER line_stays;
           UPDATE proof.line SET sha512 = '\\x00' WHERE number = 2;
           ALTER TABLE proof.line ENABLE TRIGGER line_stays;
           END $$"""
    )

    report = await ruins.rebuild()

    assert {one.code for one in report.findings} >= {"container_at_fault"}
    assert all("another line 2" in one.said for one in report.findings if one.code == "container_at_fault")


async def test_lines_of_a_batch_that_the_database_has_otherwise_are_not_kept(ruins: Ruins) -> None:
    await ruins.databases.as_superuser(
        "INSERT INTO proof.batch (sender, number, sha512, kept_at) VALUES ('ingest', 1, '\\x00', now())"
    )

    report = await ruins.rebuild()

    said = {one.said for one in report.findings if one.code == "container_at_fault"}
    assert said == {"the database has another batch 1 of ingest"}
    told_first = 'convert_from(body, \'UTF8\') LIKE \'%"batch":1,%"sender":"ingest"%\''
    kept = await ruins.rows(f"SELECT 1 FROM proof.line WHERE {told_first}")  # noqa: S608
    assert kept == []
