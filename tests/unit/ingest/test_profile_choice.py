"""Which archival profile judges a manifest, and what is said where none does."""

from dataclasses import replace

import pytest

from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Severity
from services.ingest.domain.mend_texts import mend
from services.ingest.domain.profile import ListedProfiles, ProfileReference
from services.ingest.pipeline.profile_choice import chosen
from shared.identifiers import new_id
from shared.profiles.kinds import Kind
from tests.builders.aips import a_header


def a_profile(identifier: str, *versions: str) -> ProfileReference:
    named = (new_id(), new_id(), identifier, 2, Kind.RELAXNG, "ab" * 64, 100)
    return ProfileReference(*named, seda_versions=versions or ("2.1",))


A, B = a_profile("A"), a_profile("B")
BOTH = ListedProfiles((A, B))
ONE = ListedProfiles((A,))
HEADER = replace(a_header(), seda_version="2.1")

CASES = [
    ("none is listed", ListedProfiles(), "A", None, None),
    ("the one it names", BOTH, "B", B, None),
    ("spaces around it", BOTH, " B\n", B, None),
    ("another", BOTH, "C", None, ("PROFILE_UNKNOWN", Severity.ERROR)),
    ("another spelling", BOTH, "a", None, ("PROFILE_UNKNOWN", Severity.ERROR)),
    ("the only one", ONE, None, A, None),
    ("an empty name", ONE, " ", A, None),
    ("several and no name", BOTH, None, None, ("PROFILE_MISSING", Severity.INFO)),
    ("one that is required", replace(ONE, required=True), None, None, ("PROFILE_MISSING", Severity.ERROR)),
    ("required and named", replace(ONE, required=True), "A", A, None),
    ("withdrawn", replace(ONE, withdrawn={A.id}), "A", None, ("PROFILE_WITHDRAWN", Severity.ERROR)),
    ("the other is withdrawn", replace(BOTH, withdrawn={A.id}), "B", B, None),
    ("another SEDA", ListedProfiles((a_profile("A", "2.2"),)), "A", None, ("PROFILE_OTHER_SEDA", Severity.ERROR)),
]


@pytest.mark.parametrize(
    ("listed", "named", "expected", "said"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_one_profile_is_meant_or_it_is_said_why_none(
    listed: ListedProfiles, named: str | None, expected: ProfileReference | None, said: tuple[str, Severity] | None
) -> None:
    reference, findings = chosen(listed, replace(HEADER, archival_profile=named), "manifest.xml")

    assert reference == expected
    assert [(each.code, each.severity) for each in findings] == ([] if said is None else [said])


def test_what_is_said_names_what_is_known_in_both_languages() -> None:
    _, (finding,) = chosen(BOTH, replace(HEADER, archival_profile="C"), "manifest.xml")

    assert text(finding, "fr") == (
        "Le bordereau nomme le profil d’archivage « C », que l’accord ne cite pas ; il cite : A, B."
    )
    assert text(finding, "en") == (
        "The manifest names the archival profile “C”, which the agreement does not list; it lists: A, B."
    )
    assert "(A, B)" in mend(finding, "fr")


def test_of_many_profiles_few_are_named_and_of_a_long_name_its_beginning() -> None:
    many = ListedProfiles(tuple(a_profile(f"P{number}") for number in range(50)))

    _, (finding,) = chosen(many, replace(HEADER, archival_profile="x" * 5000), "manifest.xml")

    assert finding.params["known"].endswith("P9")
    assert len(finding.params["found"]) == 200
