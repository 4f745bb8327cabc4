"""Accounting flows: what they say of themselves is read in one pass, and they make packages the archive takes."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from chartrier_client import SedaVersion
from chartrier_client.municipal.accounting import Sending, one_a_night, one_each, sendings_in
from chartrier_client.municipal.pes import ROOT, Bordereau, read_pes
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.template import shipped_template
from chartrier_client.samples.accounts import night_of_flows
from tests.builders.judged_flows import PARTIES, findings_of, manifest_of, outline, rules_of

NIGHT = date(2026, 4, 2)
TEMPLATE = shipped_template("accounting")
NAME = "PESALR2_21990042000015_260402_017"
TITLE = "Flux comptable PES du 02/04/2026 : Commune de Valombreuse-sur-Lys"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    night_of_flows(folder, NIGHT)
    return folder


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


def changed(inbox: Path, change: Callable[[str], str]) -> Path:
    """A copy of the first flow, changed."""
    path = inbox / "autre.xml"
    text = (inbox / f"{NAME}.xml").read_text(encoding="iso-8859-1")
    path.write_text(change(text), encoding="iso-8859-1")
    return path


def named(inbox: Path, name: str, at: Path) -> Path:
    """The first flow under another name, somewhere."""
    return changed(inbox, lambda text: text.replace(NAME, name)).rename(at)


def refusal_of(path: Path) -> str:
    with pytest.raises(FlowError) as refused:
        read_pes(path)
    return str(refused.value)


def test_a_flow_says_what_it_is(inbox: Path) -> None:
    flow = read_pes(inbox / f"{NAME}.xml")

    assert (flow.name, flow.kind, flow.date) == (NAME, "PESALR2", NIGHT)
    assert (flow.siret, flow.accountant_post) == ("21990042000015", "099042")
    assert (flow.municipality_code, flow.budget_code) == ("042", "00")
    assert flow.domains == ("PES_DepenseAller", "PES_RecetteAller")


def test_orders_are_read_where_either_kind_has_its_number(inbox: Path) -> None:
    expenses, revenues = read_pes(inbox / f"{NAME}.xml").bordereaux

    assert expenses == Bordereau("PES_DepenseAller", "17", "2026", "01", ("211", "212", "213"))
    assert revenues == Bordereau("PES_RecetteAller", "17", "2026", "01", ("58", "59"))


def test_accents_are_those_of_latin_1(inbox: Path) -> None:
    path = changed(inbox, lambda text: text.replace("Commune de", "Théâtre de l'Œil à".replace("Œ", "Oe")))

    assert read_pes(path).budget_label == "Théâtre de l'Oeil à Valombreuse-sur-Lys"


def test_a_flow_without_any_domain_is_deposited_and_says_so(inbox: Path, outbox: Path) -> None:
    path = changed(inbox, lambda text: text.split("<PES_DepenseAller>")[0] + "</n:PES_Aller>")
    [prepared] = one_each([Sending(path)], PARTIES, TEMPLATE)

    assert read_pes(path).domains == ()
    assert findings_of(prepared, TEMPLATE, outbox) == []
    assert "Domaines : aucun domaine." in (manifest_of(prepared, outbox).findtext(".//{*}Description") or "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace('IdColl V="21990042000015"', 'IdColl V=""'), "IdColl : le SIRET manque"),
        (lambda text: text.replace('<IdColl V="21990042000015"/>', ""), "IdColl: the SIRET is missing"),
        (lambda text: text.replace('IdColl V="21990042000015"', 'IdColl V="219900420"'), "SIRET de 14 chiffres"),
        (lambda text: text.replace('IdColl V="21990042000015"', 'IdColl V="21990042000016"'), "est fausse"),
        (lambda text: text.replace('DteStr V="2026-04-02"', 'DteStr V="2026-02-30"'), "n'est pas une date"),
        (lambda text: text.replace(f'NomFic V="{NAME}"', 'NomFic V=" "'), "NomFic manque"),
        (lambda text: text.replace("Rev0/aller", "Rev0/retour"), "PES_Aller"),
        (lambda text: text[:-20], "XML bien formé"),
        (lambda _: "", "XML bien formé"),
    ],
)
def test_what_is_wrong_with_a_flow_is_named(inbox: Path, change: Callable[[str], str], told: str) -> None:
    refusal = refusal_of(changed(inbox, change))

    assert refusal.startswith("autre.xml : ")
    assert told in refusal


def test_all_its_faults_are_told_at_once(inbox: Path) -> None:
    refusal = refusal_of(changed(inbox, lambda text: text.replace("IdColl", "X").replace("DteStr", "Y")))

    assert "DteStr" in refusal
    assert "IdColl" in refusal


def test_a_refusal_names_the_file_in_either_language(inbox: Path) -> None:
    with pytest.raises(FlowError) as refused:
        read_pes(changed(inbox, lambda text: text.replace(f'NomFic V="{NAME}"', 'NomFic V=""')))

    assert (refused.value.fr, refused.value.en) == ("autre.xml : NomFic manque", "autre.xml: NomFic is missing")
    assert str(refused.value) == "autre.xml : NomFic manque / NomFic is missing"


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_no_entity_is_expanded_and_no_network_touched(inbox: Path, declared: str) -> None:
    path = changed(inbox, lambda text: text.replace("?>", f"?>{declared}", 1).replace("Commune", "&b;"))

    assert "un flux PES n'a pas de DOCTYPE / a PES flow has no DOCTYPE" in refusal_of(path)


def test_a_huge_flow_is_read_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    namespace, _, root = ROOT.partition(" ")
    with path.open("wb") as file:
        file.write(
            f'<n:{root} xmlns:n="{namespace}"><Enveloppe><Parametres><NomFic V="GRAND"/></Parametres>'.encode()
        )
        file.write(b'</Enveloppe><EnTetePES><DteStr V="2026-04-02"/><IdColl V="21990042000015"/></EnTetePES><PES_PJ>')
        for _ in range(24):
            file.write(b"<PJ><Contenu><Fichier>" + b"QUJD" * 2**18 + b"</Fichier></Contenu></PJ>")
        file.write(f"</PES_PJ></n:{root}>".encode())

    tracemalloc.start()
    try:
        flow = read_pes(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert flow.domains == ("PES_PJ",)
    assert peak < path.stat().st_size / 8


def test_each_flow_is_a_package_of_its_own_that_the_archive_takes(inbox: Path, outbox: Path) -> None:
    first, second = one_each(sendings_in(inbox), PARTIES, TEMPLATE)
    manifest = manifest_of(first, outbox)

    assert findings_of(first, TEMPLATE, outbox) == findings_of(second, TEMPLATE, outbox) == []
    assert first.message_identifier == f"PES-21990042000015-{NAME}"
    assert outline(manifest) == [
        f"File {TITLE}",
        f"  Item Flux aller : {NAME}.xml",
        f"  Item Acquittement : {NAME}_ack.xml",
    ]
    assert rules_of(manifest, TITLE) == {
        "AppraisalRule": ("APP-COMPTABILITE-10A", "2026-04-02", "Destroy"),
        "AccessRule": ("AR048", "2026-04-02", None),
    }


@pytest.mark.parametrize("version", SedaVersion)
def test_it_is_valid_in_every_version_that_the_client_writes(inbox: Path, outbox: Path, version: SedaVersion) -> None:
    first, _ = one_each(sendings_in(inbox), replace(PARTIES, version=version), TEMPLATE)

    assert (manifest_of(first, outbox).nsmap[None] or "").endswith(f"v{version}")


def test_its_orders_are_told_for_people_to_find(inbox: Path, outbox: Path) -> None:
    first, _ = one_each(sendings_in(inbox), PARTIES, TEMPLATE)
    told = manifest_of(first, outbox).findtext(".//{*}Description") or ""

    assert "Dépenses, exercice 2026, bordereau 17 : 3 pièces, 211 à 213" in told
    assert "Recettes, exercice 2026, bordereau 17 : 2 pièces, 58 à 59" in told


def test_a_night_is_one_package_of_them_all(inbox: Path, outbox: Path) -> None:
    night = one_a_night(sendings_in(inbox), NIGHT, PARTIES, TEMPLATE)

    assert findings_of(night, TEMPLATE, outbox) == []
    assert night.message_identifier == "PES-21990042000015-2026-04-02"
    assert outline(manifest_of(night, outbox))[:2] == [
        "RecordGrp Flux comptables PES transmis le 02/04/2026",
        f"  File {TITLE}",
    ]


def test_a_night_has_one_municipality_and_each_flow_once(inbox: Path) -> None:
    again = changed(inbox, lambda text: text)
    with pytest.raises(FlowError, match=f"NomFic {NAME} est déjà celui de {NAME}"):
        one_a_night([Sending(inbox / f"{NAME}.xml"), Sending(again)], NIGHT, PARTIES, TEMPLATE)

    other = changed(inbox, lambda text: text.replace("21990042000015", "21350238800019"))
    with pytest.raises(FlowError, match="le SIRET 21350238800019 n'est pas celui des autres flux"):
        one_a_night([Sending(inbox / f"{NAME}.xml"), Sending(other)], NIGHT, PARTIES, TEMPLATE)

    with pytest.raises(FlowError, match="aucun flux à verser"):
        one_a_night([], NIGHT, PARTIES, TEMPLATE)


def test_no_two_messages_share_a_file_and_none_leaves_the_folder(inbox: Path, outbox: Path) -> None:
    names = ("../../A", "A/B", "A_B", "A%2FB")
    paths = [named(inbox, name, inbox / f"{at}.xml") for at, name in enumerate(names)]
    written = {next(one_each([Sending(path)], PARTIES, TEMPLATE)).write_in(outbox) for path in paths}

    assert len(written) == len(names)
    assert {path.parent for path in written} == {outbox}


def test_an_acknowledgement_goes_with_its_flow_and_never_alone(inbox: Path) -> None:
    first, second = sendings_in(inbox)
    assert (first.acknowledgement, second.acknowledgement) == (inbox / f"{NAME}_ack.xml", None)
    assert not any(sending.is_orphan for sending in (first, second))

    (inbox / f"{NAME}.xml").unlink()
    alone, _ = sorted(sendings_in(inbox), key=lambda sending: not sending.is_orphan)
    assert alone.is_orphan
    with pytest.raises(FlowError, match=rf"{NAME}_ack\.xml : cet acquittement est là sans son flux"):
        next(one_each([alone], PARTIES, TEMPLATE))


def test_two_names_that_are_one_but_for_capitals_are_refused_all_of_them(inbox: Path) -> None:
    for name in (f"{NAME}.XML", f"{NAME}_ACK.xml"):
        (inbox / name).write_bytes(b"x")

    with pytest.raises(FlowError) as refused:
        sendings_in(inbox)

    assert f"{NAME}.XML et {NAME}.xml ont le même nom, aux majuscules près" in refused.value.fr
    assert f"{NAME}_ACK.xml and {NAME}_ack.xml have one name" in refused.value.en


def test_what_a_system_leaves_beside_a_flow_is_none(inbox: Path) -> None:
    expected = sendings_in(inbox)
    (inbox / f"._{NAME}.xml").write_bytes(b"\x00\x05\x16\x07")

    assert sendings_in(inbox) == expected


def test_other_bytes_are_another_sending(inbox: Path) -> None:
    first, second = sendings_in(inbox)
    digest = first.digest()
    assert first.digest() == digest != second.digest()

    acknowledgement = inbox / f"{NAME}_ack.xml"
    acknowledgement.write_bytes(acknowledgement.read_bytes() + b"\n")
    assert first.digest() != digest
