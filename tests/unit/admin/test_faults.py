"""What somebody sends is checked before it is kept."""

from datetime import date

import pytest

from services.admin.domain import faults


@pytest.mark.parametrize(
    "siret",
    [
        "21350238800019",  # a town
        "21990042000015",  # the invented one of the demonstration
        "35600000000048",  # the head office of La Poste obeys Luhn
        "35600000049837",  # an office of La Poste obeys its own rule
    ],
)
def test_true_siret_numbers_are_taken(siret: str) -> None:
    assert faults.siret_fault(siret) is None


@pytest.mark.parametrize(
    "siret",
    ["21350238800018", "2135023880001", "213502388000190", "2135023880001X", "٢١٣٥٠٢٣٨٨٠٠٠١٩", "35600000049838", ""],
)
def test_wrong_siret_numbers_are_refused(siret: str) -> None:
    fault = faults.siret_fault(siret)

    assert fault is not None
    assert (fault.place, fault.code) == ("siret", "invalid_siret")


@pytest.mark.parametrize(
    "identifier", ["FRAD035", "Saint-Même (35)", "a", "a b", "AC-000060", "x" * 128, "Été_2026+1"]
)
def test_identifiers_may_be_what_people_write(identifier: str) -> None:
    assert faults.identifier_fault(identifier) is None


@pytest.mark.parametrize(
    "identifier",
    ["", " a", "a ", "a/b", "a?", "a#", "50%", "*", "a\nb", "x" * 129, "01930000-0000-7000-8000-000000000001"],
)
def test_identifiers_that_no_url_can_carry_or_that_look_like_ids_are_refused(identifier: str) -> None:
    assert faults.identifier_fault(identifier) is not None


@pytest.mark.parametrize(
    ("name", "taken"), [("Commune d’À\u00a0côté", True), ("", False), ("a\u2028b", False), ("x" * 301, False)]
)
def test_a_name_is_one_line(name: str, taken: bool) -> None:
    assert (faults.name_fault(name) is None) == taken


@pytest.mark.parametrize(
    ("puid", "taken"),
    [
        ("fmt/95", True),
        ("x-fmt/111", True),
        ("fmt/095", False),
        ("fmt/", False),
        ("xfmt/1", False),
        ("fmt/95 ", False),
    ],
)
def test_formats_are_pronom_identifiers(puid: str, taken: bool) -> None:
    assert (faults.formats_faults([puid]) == []) == taken


def test_a_period_may_last_one_day_and_not_less() -> None:
    day, eve = date(2026, 11, 23), date(2026, 11, 22)

    assert faults.dates_fault(day, day) is None
    assert faults.dates_fault(None, eve) is None
    assert faults.dates_fault(day, eve) is not None
