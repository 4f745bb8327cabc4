"""Containers that the archive did not write, and lines that say what they may not."""

import json
from typing import Any

import pytest

from bench.kept_sites import NOON, SITES, KeptSite, _written
from services.proof.domain.containers import row
from services.proof.domain.line import Head, Origin, fix
from services.storage.domain.keys import aip_key, journal_key
from shared.checksums import sha512_of
from shared.messages.journal import JournalLineV1
from tests.integration.rebuild.ruins import Ruins

pytestmark = pytest.mark.integration


def forged(kept: KeptSite, lines: list[JournalLineV1], *, batch: int = 1_000, back: int = 0) -> tuple[str, bytes]:
    """A container that goes on from the establishment's write log, or from some lines before its end."""
    log = kept.journals[("writes", kept.establishment)]
    last = log[-1 - back]
    head, fixed = Head(last.number, last.sha512), []
    for index, line in enumerate(lines):
        fixed.append(fix(line, Origin("storage", batch, "ce" * 64), index, head, NOON))
        head = Head(fixed[-1].number, fixed[-1].sha512)
    key = journal_key(kept.establishment, "writes", fixed[0].number, fixed[-1].number)
    return key, b"".join(row(one.body) for one in fixed)


def lines_of(kept: KeptSite, key: str, content: bytes) -> list[JournalLineV1]:
    return [_written(key, content, (site, ""), ("aip:planted", 1, kept.establishment)) for site in SITES]


def closed(kept: KeptSite) -> list[dict[str, Any]]:
    """The lines that are in containers: those about the last container are in none."""
    containers = (content for key, content in kept.objects.items() if key.endswith(".ndjson"))
    return [json.loads(line) for content in containers for line in content.splitlines()]


async def test_a_later_line_does_not_give_an_aip_other_bytes(ruins: Ruins, kept: KeptSite) -> None:
    key = aip_key(kept.establishment, kept.id("aip 1"), 1)
    other = kept.objects[key].replace(b"<ArchiveTransfer/>", b"<ArchiveTransfeR/>")
    ruins.plant(key, other)
    container, content = forged(kept, lines_of(kept, key, other))
    ruins.plant(container, content)

    report = await ruins.rebuild(take_unlogged=True)

    codes = [(one.code, one.place) for one in report.findings]
    assert codes[0] == ("end_believed", container)
    assert codes[1:3] == [("line_contradicts", key)] * 2
    assert ("aip_unreadable", key) in codes
    assert await ruins.rows("SELECT 1 FROM storage.holding WHERE sha512 = $1", sha512_of(other)) == []


async def test_a_container_that_no_other_site_has_is_left_out(ruins: Ruins, kept: KeptSite) -> None:
    planted = aip_key(kept.establishment, kept.id("planted"), 1)
    container, content = forged(kept, lines_of(kept, planted, b"planted"))
    ruins.plant(container, content)
    report = await ruins.rebuild()

    assert [(one.code, one.place) for one in report.findings] == [("without_line", container)]
    assert (await ruins.counts())["proof.line"] == len(closed(kept))


async def test_containers_may_not_overlap(ruins: Ruins, kept: KeptSite) -> None:
    key = aip_key(kept.establishment, kept.id("planted"), 1)
    container, content = forged(kept, lines_of(kept, key, b"planted"), back=1)
    ruins.plant(container, content)

    report = await ruins.rebuild(take_unlogged=True)

    at_fault = {one.place for one in report.findings if one.code == "container_at_fault"}
    assert container in at_fault
    assert (await ruins.counts())["data_management.aip"] == 4
    assert (await ruins.counts())["proof.line"] == len(closed(kept))


async def test_a_line_speaks_only_of_what_is_its_own_journals(ruins: Ruins, kept: KeptSite) -> None:
    foreign = aip_key(kept.id("another"), kept.id("planted"), 1)
    container, content = forged(kept, lines_of(kept, foreign, b"planted"))
    ruins.plant(container, content)

    report = await ruins.rebuild(take_unlogged=True)

    codes = [(one.code, one.place) for one in report.findings]
    assert codes == [("end_believed", container)] + [("line_contradicts", foreign)] * 2


async def test_a_line_that_lacks_what_its_action_asks_for_is_named_and_the_rest_comes_back(
    ruins: Ruins, kept: KeptSite
) -> None:
    (line, _) = lines_of(kept, "nothing", b"")
    container, content = forged(kept, [line.model_copy(update={"details": {"site": "a"}})])
    ruins.plant(container, content)

    report = await ruins.rebuild(take_unlogged=True)

    assert [one.code for one in report.findings] == ["end_believed", "line_unusable"]
    assert (await ruins.counts())["data_management.aip"] == 4


async def test_a_batch_far_behind_all_others_does_not_move_the_chain(ruins: Ruins, kept: KeptSite) -> None:
    key = aip_key(kept.establishment, kept.id("aip 1"), 1)
    container, content = forged(kept, lines_of(kept, key, kept.objects[key]), batch=2**53 - 1)
    ruins.plant(container, content)

    report = await ruins.rebuild(take_unlogged=True)

    assert [(one.code, one.place) for one in report.findings] == [
        ("end_believed", container),
        ("batch_beyond", "storage"),
    ]
    last = max(one["batch"] for one in closed(kept) if one["sender"] == "storage")
    (head,) = await ruins.rows("SELECT batch FROM storage.journal_head")
    assert head["batch"] == last
    async with ruins.rooms["storage"].begin() as tx:
        tx.journal(JournalLineV1(kind="events", action="x.y", actor="test"))
