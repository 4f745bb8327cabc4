"""The child that explains: better texts in their place, and the old ones whatever becomes of it."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from services.ingest.adapters.children import ChildDied, Children
from services.ingest.domain.finding_texts import found, text
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.suspects import Suspect
from services.ingest.explainer import EXPLAIN_BYTES, Explainer, prepare
from services.ingest.pipeline.manifest.reader import ManifestReading, read_manifest
from tests.builders.sip_manifests import ASip, AUnit, a_manifest

HOARD: list[bytearray] = []


@dataclass(frozen=True)
class Deadly:
    """Calls something in the process that it is sent to."""

    function: Any
    argument: Any

    @override
    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        return self.function, (self.argument,)


@pytest.fixture(scope="module")
async def child() -> AsyncIterator[Children]:
    children = Children(1, partial(prepare, None))
    yield children
    await children.close()


def reading(folder: Path, manifest: bytes) -> ManifestReading:
    path = folder / "manifest.xml"
    path.write_bytes(manifest)
    return read_manifest(path, "manifest.xml", Limits())


@pytest.fixture
def refused(tmp_path: Path) -> ManifestReading:
    """A level that is none, an element that is unknown."""
    manifest = a_manifest(ASip((), (AUnit("Un", level="Étage"), AUnit("Deux"))))
    return reading(tmp_path, manifest.replace(b"<Title>Deux</Title>", b"<Titre>Deux</Titre>"))


async def test_better_texts_take_the_place_of_those_of_libxml2(child: Children, refused: ManifestReading) -> None:
    before = found("CONTAINER_EMPTY", "container")

    told = await Explainer(child).explained((before, *refused.findings), refused.suspects)

    assert [finding.code for finding in told] == ["CONTAINER_EMPTY", *(finding.code for finding in refused.findings)]
    assert [finding.place for finding in told[1:]] == [finding.place for finding in refused.findings]
    assert "attendu : l’une des valeurs Fonds" in text(told[1], "fr")
    assert "did you mean “Title”?" in text(told[2], "en")


async def test_one_fault_of_which_libxml2_says_two_things_is_told_once(
    child: Children, refused: ManifestReading
) -> None:
    first = refused.suspects[0]
    reason = "Element 'DescriptionLevel': 'Étage' is not a valid value of the atomic type 'level'."
    again = replace(first, finding=replace(first.finding, params={**first.finding.params, "reason": reason}))
    suspects = (first, again)

    told = await Explainer(child).explained([suspect.finding for suspect in suspects], suspects)

    assert ["l’une des valeurs" in text(finding, "fr") for finding in told] == [True]


async def test_nothing_is_asked_of_the_child_when_the_grammar_accepts() -> None:
    unborn = Children(0)  # whoever calls it waits for ever

    assert await Explainer(unborn).explained((), ()) == ()


@pytest.mark.parametrize("deadly", [Deadly(os._exit, 1), Deadly(bytearray, 3 * EXPLAIN_BYTES)])
async def test_when_the_child_dies_or_wants_too_much_the_texts_stay_and_the_next_is_explained(
    child: Children, refused: ManifestReading, deadly: Deadly
) -> None:
    explainer = Explainer(child)
    fatal = Suspect(refused.findings[0], "2.1", deadly)  # type: ignore[arg-type]

    assert await explainer.explained(refused.findings, (fatal,)) == refused.findings
    assert await explainer.explained(refused.findings, refused.suspects) != refused.findings


async def test_the_log_says_why_and_nothing_of_the_manifest(
    child: Children, refused: ManifestReading, caplog: pytest.LogCaptureFixture
) -> None:
    quoting = Suspect(refused.findings[0], "2.1", Deadly(int, "Mme Unetelle"))  # type: ignore[arg-type]

    assert await Explainer(child).explained(refused.findings, (quoting,)) == refused.findings

    (record,) = caplog.records
    assert record.__dict__["reason"]
    assert "Unetelle" not in str(record.__dict__)


async def test_the_memory_of_the_child_is_bounded(child: Children) -> None:
    await child.call(bytearray, EXPLAIN_BYTES // 4)
    with pytest.raises((MemoryError, ChildDied)):
        await child.call(bytearray, 3 * EXPLAIN_BYTES)


def hoard() -> None:
    """Fill this process, and keep what fills it."""
    while True:
        HOARD.append(bytearray(MIB))


async def test_a_child_that_is_full_is_replaced(child: Children) -> None:
    full = await child.call(os.getpid)
    with pytest.raises((MemoryError, ChildDied)):
        await child.call(hoard)

    assert await child.call(os.getpid) != full


async def test_a_fault_that_cannot_be_explained_is_logged_without_a_word_of_the_manifest(
    child: Children, refused: ManifestReading, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = refused.suspects
    fatal = replace(first, extract=replace(first.extract, xml=b"<secret"))

    told = await Explainer(child, seconds=60).explained(refused.findings, (fatal, second))

    assert told[0] == refused.findings[0]
    assert told[1] != refused.findings[1]
    assert [record.reason for record in caplog.records] == ["XMLSyntaxError"]  # type: ignore[attr-defined]


async def test_when_the_time_is_over_the_texts_stay(child: Children, refused: ManifestReading) -> None:
    assert await Explainer(child, seconds=0).explained(refused.findings, refused.suspects) == refused.findings


async def test_a_grammar_that_cannot_be_read_leaves_the_texts(tmp_path: Path, refused: ManifestReading) -> None:
    nothing = Children(1, partial(prepare, tmp_path))
    try:
        assert await Explainer(nothing).explained(refused.findings, refused.suspects) == refused.findings
    finally:
        await nothing.close()
