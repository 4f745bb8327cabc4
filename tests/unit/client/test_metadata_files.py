"""What a metadata file says goes into the package, whatever spreadsheet wrote it."""

import unicodedata
from pathlib import Path

import pytest

from chartrier_client.folders import FolderPlan, build_from_folder
from chartrier_client.sip import BuiltSip
from services.ingest.pipeline.schema import load_schema
from tests.unit.client.folders import a_csv, a_folder, an_envelope, manifest_of, texts

FULL = """\
chemin;titre;niveau;description;date de début;date de fin;date de création;date de transaction;date de numérisation;\
date d'envoi;date de réception;date d'enregistrement;cote;classement;type de document;langue;service producteur;\
mot-clé 1;type de mot-clé 1;référence de mot-clé 1;mot-clé 2;DUA 1;début DUA 1;DUA 2;sort final;communicabilité;\
début communicabilité;DUC;sort DUC;diffusion;réutilisation
.;Fonds;Dossier;Tout;2020;31/12/2021;2020-01;02/2020;2020-02-03;2020;2020;2020;1 W 12;1/2;Registre;fr;SIREN;\
Lys;geogname;INSEE;eau|air;APP-1;31/12/2021;APP-2;Détruire;AR048;2021-12-31;STO-1;Transférer;DIS-1;REU-1
été/a.txt;Une lettre
"""


def built(place: Path, text: str, encoding: str = "utf-8") -> BuiltSip:
    folder = a_folder(place, "été/a.txt", "b.txt")
    plan = FolderPlan(a_csv(place, text, encoding))
    return build_from_folder(folder, place / "sip.zip", an_envelope(), plan=plan)


def test_every_column_reaches_the_manifest(tmp_path: Path) -> None:
    manifest = manifest_of(built(tmp_path, FULL).path)

    load_schema("2.2").assertValid(manifest)
    assert texts(manifest, "Title") == ["Fonds", "b.txt", "été", "Une lettre"]
    assert texts(manifest, "DescriptionLevel") == ["File", "Item", "RecordGrp", "Item"]
    assert texts(manifest, "KeywordContent") == ["Lys", "eau", "air"]
    assert texts(manifest, "Rule") == ["STO-1", "APP-1", "APP-2", "AR048", "DIS-1", "REU-1"]
    assert texts(manifest, "FinalAction") == ["Transfer", "Destroy"]
    # The first ones are those of the rules.
    assert texts(manifest, "StartDate") == ["2021-12-31", "2021-12-31", "2020"]
    for name, value in {
        "EndDate": "2021-12-31",
        "CreatedDate": "2020-01",
        "TransactedDate": "2020-02",
        "AcquiredDate": "2020-02-03",
        "OriginatingAgencyArchiveUnitIdentifier": "1 W 12",
        "FilePlanPosition": "1/2",
        "DocumentType": "Registre",
        "Language": "fr",
        "KeywordType": "geogname",
        "KeywordReference": "INSEE",
        "Description": "Tout",
    }.items():
        assert texts(manifest, name) == [value], name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_encodings_and_delimiters_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [("chemin", "titre"), ("été/a.txt", "Été à l’œuvre"), ('"b.txt"', '"a; b, c"')]

    sip = built(tmp_path, "\r\n".join(delimiter.join(row) for row in rows), encoding)

    assert texts(manifest_of(sip.path), "Title") == ["Dossier", "a; b, c", "été", "Été à l’œuvre"]
    assert [note.en.split(":")[1].split(";")[0] for note in sip.notes] == (
        [" it was read as Windows-1252"] if encoding == "cp1252" else []
    )


def test_the_headers_that_resip_writes_are_understood(tmp_path: Path) -> None:
    keywords = "Content.Keyword.0.KeywordContent;Content.Keyword.1.KeywordContent"
    headers = f"File;Content.DescriptionLevel;Content.Title;{keywords}"
    rules = "Management.AppraisalRule.Rule;Management.AppraisalRule.StartDate;Management.AppraisalRule.FinalAction"

    manifest = manifest_of(built(tmp_path, f"{headers};{rules}\nb.txt;File;T;un;deux;APP;2026-01-01;Keep\n").path)

    assert texts(manifest, "Title") == ["Dossier", "T", "été", "a.txt"]
    assert texts(manifest, "KeywordContent") == ["un", "deux"]
    assert texts(manifest, "FinalAction") == ["Keep"]


@pytest.mark.parametrize(
    "path",
    ["été/a.txt", "./été//a.txt", "été\\a.txt", unicodedata.normalize("NFD", "été/a.txt"), ".\\été\\a.txt"],
    ids=["plain", "dotted", "windows", "macos", "windows dotted"],
)
def test_a_path_is_understood_in_every_way_to_write_it(tmp_path: Path, path: str) -> None:
    assert "Trouvé" in texts(manifest_of(built(tmp_path, f"path;title\n{path};Trouvé\n").path), "Title")


def test_a_folder_may_be_named_with_a_slash_at_its_end(tmp_path: Path) -> None:
    assert "Trouvé" in texts(manifest_of(built(tmp_path, "path,title\nété/,Trouvé\n").path), "Title")


def test_two_files_that_only_their_unicode_form_tells_apart_are_each_named_by_it(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.txt") for form in ("NFC", "NFD"))
    folder = a_folder(tmp_path, composed, decomposed)
    plan = FolderPlan(a_csv(tmp_path, f"path;title\n{composed};un\n{decomposed};deux\n"))

    sip = build_from_folder(folder, tmp_path / "sip.zip", an_envelope(), plan=plan)

    assert sorted(str(text) for text in texts(manifest_of(sip.path), "Title")) == ["Dossier", "deux", "un"]


def test_a_metadata_file_inside_the_folder_is_not_deposited(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "b.txt")
    plan = FolderPlan(a_csv(folder, "path;title\nb.txt;B\n"))

    sip = build_from_folder(folder, tmp_path / "sip.zip", an_envelope(), plan=plan)

    assert texts(manifest_of(sip.path), "Filename") == ["b.txt"]
