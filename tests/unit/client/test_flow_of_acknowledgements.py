"""Acknowledgements of accounting flows: what lies beside a flow is read before it is packaged as its answer."""

import os
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from chartrier_client.municipal.accounting import Sending, one_a_night, one_each
from chartrier_client.municipal.acknowledgements import refuse_another
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.template import shipped_template
from chartrier_client.samples.accounts import night_of_flows
from tests.builders.judged_flows import PARTIES, manifest_of, outline

NIGHT = date(2026, 4, 2)
TEMPLATE = shipped_template("accounting")
NAME = "PESALR2_21990042000015_260402_017"


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    night_of_flows(tmp_path, NIGHT)
    return Sending(tmp_path / f"{NAME}.xml", tmp_path / f"{NAME}_ack.xml")


def rewritten(sending: Sending, change: Callable[[str], str]) -> Sending:
    """The sending with its acknowledgement changed."""
    assert sending.acknowledgement
    text = sending.acknowledgement.read_text(encoding="iso-8859-1")
    sending.acknowledgement.write_text(change(text), encoding="iso-8859-1")
    return sending


def refusal_of(sending: Sending) -> str:
    with pytest.raises(FlowError) as refused:
        next(one_each([sending], PARTIES, TEMPLATE))
    return str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace(NAME, f"{NAME}.xml"),
        lambda text: text.replace("PES_ACQUIT", "PES_Acquit"),
        lambda text: text.replace("<PES_ACQUIT", '<n:PES_Retour xmlns:n="urn:x"').replace(
            "</PES_ACQUIT", "</n:PES_Retour"
        ),
    ],
)
def test_an_acknowledgement_of_the_flow_goes_with_it(
    sending: Sending, tmp_path: Path, change: Callable[[str], str]
) -> None:
    prepared = next(one_each([rewritten(sending, change)], PARTIES, TEMPLATE))

    assert f"  Item Acquittement : {NAME}_ack.xml" in outline(manifest_of(prepared, tmp_path))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace(NAME, NAME[:-1] + "8"), f"celui de {NAME[:-1]}8, et non du flux {NAME}"),
        (lambda text: text.replace("NomFic", "Nom"), f"that of —, not of the flow {NAME}"),
        (lambda text: text.replace("PES_ACQUIT", "PES_Aller"), "la racine est « PES_Aller », et non PES_ACQUIT"),
        (lambda text: text.replace("?>", "?><!DOCTYPE x>", 1), "a PES flow has no DOCTYPE"),
        (lambda text: text[:-5], "XML bien formé"),
        (lambda _: "", "not well-formed XML"),
    ],
)
def test_anything_else_is_refused_by_name(sending: Sending, change: Callable[[str], str], told: str) -> None:
    refusal = refusal_of(rewritten(sending, change))

    assert refusal.startswith(f"{NAME}_ack.xml : ")
    assert told in refusal


def test_neither_a_night_of_them_takes_the_acknowledgement_of_another(sending: Sending) -> None:
    with pytest.raises(FlowError, match=rf"{NAME}_ack\.xml : cet acquittement est celui de AUTRE"):
        one_a_night([rewritten(sending, lambda text: text.replace(NAME, "AUTRE"))], NIGHT, PARTIES, TEMPLATE)


def test_a_huge_one_is_read_without_being_held(sending: Sending) -> None:
    rewritten(sending, lambda text: text.replace("<ACQUIT>", "<ACQUIT>" + "<DetailPiece/>" * 400_000))
    assert sending.acknowledgement

    tracemalloc.start()
    try:
        refuse_another(sending.acknowledgement, NAME)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < sending.acknowledgement.stat().st_size / 8


@pytest.mark.parametrize("which", ["flow", "acknowledgement"])
def test_links_and_what_is_no_file_are_refused(sending: Sending, tmp_path: Path, which: str) -> None:
    path: Path = getattr(sending, which)
    elsewhere = path.rename(tmp_path / "ailleurs")

    path.symlink_to(elsewhere)
    assert f"{path.name} : ce n'est pas un fichier" in refusal_of(sending)

    path.unlink()
    path.mkdir()
    assert f"{path.name} : ce n'est pas un fichier" in refusal_of(sending)

    path.rmdir()
    os.mkfifo(path)
    assert "it is not a file" in refusal_of(sending)
