"""A reply's package without what was eliminated, in every version of SEDA."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from lxml import etree

from services.ingest.pipeline.reply import Letter, compose_reply
from services.ingest.pipeline.reply_package import write_reply_package
from services.ingest.pipeline.reply_reduced import UnreadableReply, reduce_package, reduction
from services.ingest.pipeline.schema import NAMESPACES
from tests.answers import valid_answer
from tests.builders.aips import a_checked_transfer, a_header, a_physical, a_plan

DATE = "2026-03-02T09:15:30Z"
EVERY_VERSION = pytest.mark.parametrize("version", sorted(NAMESPACES))


def a_reply(version: str, package: bytes | None = None, *notes: str) -> bytes:
    """The reply to an accepted transfer; with its whole package, or with this one."""
    letter = Letter(a_header(version), "atr", DATE, notes=notes)
    return b"".join(compose_reply(letter, (), str, DATE, (whole(version) if package is None else package,)))


def whole(version: str) -> bytes:
    manifest = a_checked_transfer().manifest
    out = BytesIO()
    objects = (*manifest.objects, a_physical())
    write_reply_package(replace(manifest, header=a_header(version), objects=objects), a_plan(), out)
    return out.getvalue()


def reduced(reply: bytes, is_left: Callable[[str, str], bool]) -> tuple[bytes, list[str]]:
    out = BytesIO()
    said = reduce_package(BytesIO(reply), is_left, out)
    return out.getvalue(), said


@EVERY_VERSION
def test_what_is_left_is_what_it_was(version: str) -> None:
    package, said = reduced(a_reply(version), lambda *_: True)

    assert etree.tostring(etree.fromstring(package), method="c14n") == etree.tostring(
        etree.fromstring(whole(version)), method="c14n"
    )
    assert said == []


@EVERY_VERSION
def test_what_went_is_in_it_no_more_and_it_is_valid(version: str) -> None:
    root = etree.fromstring(whole(version))
    listed = [(one.tag, str(one.get("id"))) for one in root.iter() if one.get("id")]
    gone = {name for tag, name in listed if tag != "ArchiveUnit"} | {listed[-1][1]}

    package, _ = reduced(a_reply(version), lambda _, name: name not in gone)

    left = [str(one.get("id")) for one in etree.fromstring(package).iter() if one.get("id")]
    assert left == [name for _, name in listed if name not in gone]
    assert left
    valid_answer(a_reply(version, package, reduction("an order", DATE)))


@EVERY_VERSION
def test_nothing_at_all_may_be_left_of_its_lists(version: str) -> None:
    package, _ = reduced(a_reply(version), lambda *_: False)

    valid_answer(a_reply(version, package, reduction("an order", DATE)))


def test_earlier_reductions_are_said_again() -> None:
    told = [reduction("the first", DATE), reduction("the second", DATE)]

    assert reduced(a_reply("2.2", None, *told), lambda *_: True)[1] == told


@pytest.mark.parametrize("gone", [False, True], ids=["all left", "some gone"])
def test_what_is_no_whole_reply_is_told_apart_wherever_it_is_cut(gone: bool) -> None:
    reply = a_reply("2.1").rstrip()
    for end in range(len(reply)):
        with pytest.raises(UnreadableReply):
            reduced(reply[:end], lambda kind, _: not gone or kind == "unit")


def test_a_full_disk_is_not_taken_for_a_broken_reply() -> None:
    package = b'<DataObjectPackage><ArchiveUnit id="one"><Title>' + b"long " * 4000 + b"</Title></ArchiveUnit>"
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as full:
        reduce_package(BytesIO(a_reply("2.1", package + b"</DataObjectPackage>")), lambda *_: True, full)
