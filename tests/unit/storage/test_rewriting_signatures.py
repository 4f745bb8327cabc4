"""What a partial purge leaves of the report on signatures: nothing of what went, all of what stays."""

import json
from typing import Any

import pytest

from services.storage.pipeline.rewriting.signatures import rewritten_report
from tests.builders.purges import a_rewrite_plan

KEPT = frozenset({"un.txt", "un.p7s", "trois.txt", "deux.p7s", "lettre.xml"})
PURGED = {"order": str(a_rewrite_plan().order_id), "at": a_rewrite_plan().planned_at}


def a_signature(file: str | None = "deux.p7s", **told: object) -> dict[str, Any]:
    """A signature of which the digest differs, as the report has it."""
    usual = {
        "signature": "Dupont",
        "form": "CAdES",
        "conclusion": "invalid",
        "status": "TOTAL-FAILED",
        "rule": "digest",
        "rule_fr": "l’empreinte de un.txt diffère",
        "rule_en": "the digest of un.txt differs",
        "covers": ["un.txt"],
        "covers_all": True,
        "documents": ["un.txt"],
        "signer": {"subject": "CN=Dupont"},
    }
    return {"file": file, **usual, **told}


def left_of(signature: dict[str, Any], *gone: str) -> dict[str, Any]:
    lines = [b'{"format":"chartrier-signatures/1","signatures":[\n', json.dumps(signature).encode() + b"\n", b"]}\n"]
    # As it is written: what does not change stays byte for byte.
    lines[1] = lines[1].replace(b'{"file": ', b'{"file":', 1)
    report = json.loads(b"".join(rewritten_report(lines, frozenset(gone), KEPT - {*gone}, a_rewrite_plan())))
    (left,) = report["signatures"]
    return dict(left)


def without_words(signature: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in signature.items() if name not in ("rule_fr", "rule_en")}


def test_of_a_file_that_went_only_what_came_of_its_signature_stays() -> None:
    left = left_of(a_signature(), "deux.p7s")

    kept = {"form": "CAdES", "conclusion": "invalid", "status": "TOTAL-FAILED", "covers_all": True}
    assert left == {"file": None, **kept, "purged": PURGED}
    # A second purge has nothing to say of it.
    assert left_of(left, "un.txt") == left


def test_a_document_of_the_same_name_in_another_folder_takes_nothing_with_it() -> None:
    assert left_of(a_signature(), "dossier/un.txt", "e", "t") == a_signature()


@pytest.mark.parametrize("named", ["dossier/a b.txt", "dossier/a%20b.txt"])
def test_what_is_signed_goes_however_its_path_is_written(named: str) -> None:
    signature = a_signature(covers=[named, "trois.txt"], documents=[named])

    left = left_of(signature, "dossier/a b.txt")

    assert left == without_words({**signature, "covers": ["trois.txt"], "documents": []})


@pytest.mark.parametrize("form", ["XAdES", "XML Signature"])
@pytest.mark.parametrize("rule", ["digest", "not_found", "unsupported", "ambiguous", "unreadable", "of a later one"])
def test_words_that_quote_whatever_was_signed_go(form: str, rule: str) -> None:
    signature = a_signature(form=form, rule=rule, rule_fr="« Secre… »", rule_en="“%53ecretum”")

    assert left_of(signature, "Secretum.txt") == without_words(signature)


@pytest.mark.parametrize("rule", ["expired", "no_chain", "value", "weak", "covers_nothing"])
def test_words_about_the_signature_itself_stay(rule: str) -> None:
    assert left_of(signature := a_signature(form="XAdES", rule=rule), "x.txt") == signature


def test_words_of_a_time_stamp_are_held_to_the_same() -> None:
    stamp = {"sub_indication": "X", "rule": "unreadable", "rule_fr": "x", "rule_en": "x"}

    assert left_of(a_signature(time_stamp=stamp), "x.txt")["time_stamp"] == without_words(stamp)
    expired = {**stamp, "rule": "expired"}
    assert left_of(a_signature(time_stamp=expired), "x.txt")["time_stamp"] == expired


def test_elements_of_the_message_are_named_no_more() -> None:
    covers = ["the whole document, other signatures left out", "ArchiveUnit Secretum-3"]

    left = left_of(a_signature("manifest.xml", covers=covers, rule="value"), "x.txt")
    inside = left_of(a_signature("lettre.xml", covers=["Bordereau 1"], documents=[], rule="value"), "x.txt")

    assert (left["covers"], inside["covers"]) == (covers[:1], ["Bordereau 1"])
