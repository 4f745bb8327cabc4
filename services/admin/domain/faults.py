"""What is wrong with what somebody sent, field by field, for people: in French and English."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

LA_POSTE = "356000000"
"""SIREN of La Poste: its offices' SIRET numbers obey a rule of their own (INSEE)."""

_PUID = re.compile(r"(x-)?fmt/[1-9]\d*")
_DEPARTMENT = re.compile(r"\d{2,3}|2[AB]")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_IDENTIFIER = re.compile(r"[^\s/?#%*\x00-\x1f\x7f]([^/?#%\x00-\x1f\x7f]{0,126}[^\s/?#%\x00-\x1f\x7f])?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that cannot be as it is: `place` names it, `code` is stable."""

    place: str
    code: str
    fr: str
    en: str


def found(faults: Iterable[Fault | None]) -> list[Fault]:
    """Return the faults among the answers of several checks."""
    return [fault for fault in faults if fault is not None]


def identifier_fault(value: str) -> Fault | None:
    """An identifier of ours goes into URLs, and must not be taken for an id."""
    if _IDENTIFIER.fullmatch(value) and not looks_like_id(value):
        return None
    return Fault(
        "identifier",
        "invalid_identifier",
        "L'identifiant compte 1 à 128 caractères, sans / ? # % ni espace au bord ; ce n'est ni * ni un UUID.",
        "An identifier has 1 to 128 characters, no / ? # % nor space at its ends; it is neither * nor a UUID.",
    )


def name_fault(value: str) -> Fault | None:
    """A name is written for people, on one line."""
    if value.strip() and len(value) <= 300 and not _BREAKS.search(value):
        return None
    return Fault(
        "name",
        "invalid_name",
        "Le nom compte 1 à 300 caractères, sur une ligne.",
        "A name has 1 to 300 characters, on one line.",
    )


def siret_fault(value: str | None) -> Fault | None:
    """Check a SIRET's fourteen digits and its key (Luhn, or the sum of La Poste)."""
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{14}", value):
        return Fault(
            "siret",
            "invalid_siret",
            f"Un SIRET compte 14 chiffres sans espace ; reçu : « {value[:40]} ».",
            f"A SIRET has 14 digits without spaces; received: “{value[:40]}”.",
        )
    # Offices of La Poste: the plain sum of the digits is a multiple of five; its head office obeys Luhn.
    post_office = value.startswith(LA_POSTE) and sum(map(int, value)) % 5 == 0
    if post_office or _luhn(value):
        return None
    return Fault(
        "siret",
        "invalid_siret",
        f"La clé du SIRET {value} est fausse (une erreur de saisie ?).",
        f"The check digit of SIRET {value} is wrong (a typing error?).",
    )


def department_fault(value: str | None) -> Fault | None:
    """A department is named by its INSEE code."""
    if value is None or _DEPARTMENT.fullmatch(value):
        return None
    return Fault(
        "department",
        "invalid_department",
        "Le département est un code : « 35 », « 2A », « 971 ».",
        "The department is a code: “35”, “2A”, “971”.",
    )


def dates_fault(first: date | None, last: date | None) -> Fault | None:
    """An agreement does not end before it begins."""
    if first is None or last is None or first <= last:
        return None
    return Fault(
        "valid_to",
        "invalid_dates",
        f"La fin de validité ({last}) précède son début ({first}).",
        f"The end of validity ({last}) comes before its beginning ({first}).",
    )


def formats_faults(formats: Sequence[str]) -> list[Fault]:
    """Formats are PRONOM identifiers, each named once."""
    faults = [
        Fault(
            f"formats.{place}",
            "invalid_puid",
            f"« {puid[:40]} » n'est pas un identifiant PRONOM (« fmt/95 », « x-fmt/111 »).",
            f"“{puid[:40]}” is not a PRONOM identifier (“fmt/95”, “x-fmt/111”).",
        )
        for place, puid in enumerate(formats)
        if not _PUID.fullmatch(puid)
    ]
    if len(set(formats)) < len(formats):
        faults.append(
            Fault(
                "formats",
                "duplicate_puid",
                "Un même format est cité deux fois.",
                "A format is named twice.",
            )
        )
    return faults


def tolerances_faults(names: Sequence[str]) -> list[Fault]:
    """Tolerances are named once each; which there are, the body's type says."""
    if len(set(names)) == len(names):
        return []
    return [
        Fault(
            "schema_tolerances",
            "duplicate_tolerance",
            "Une même tolérance est citée deux fois.",
            "A tolerance is named twice.",
        )
    ]


def agencies_faults(role: str, identifiers: Sequence[str]) -> list[Fault]:
    """Agencies are named as a manifest names them: on one line, without space at the ends, once each."""
    faults = [
        Fault(
            f"{role}.{place}",
            "invalid_agency",
            "L'identifiant d'un service compte 1 à 300 caractères, sur une ligne, sans espace au bord.",
            "The identifier of an agency has 1 to 300 characters, on one line, without space at its ends.",
        )
        for place, identifier in enumerate(identifiers)
        if name_fault(identifier) or identifier != identifier.strip()
    ]
    if len(set(identifiers)) < len(identifiers):
        faults.append(
            Fault(role, "duplicate_agency", "Un même service est cité deux fois.", "An agency is named twice.")
        )
    return faults


def required_fault(term: str, policy: str, *, required: bool) -> Fault | None:
    """Signatures are required only where one that is missing is told of."""
    if not required or policy in {"warn", "reject"}:
        return None
    return Fault(
        f"{term}_required",
        "signature_not_judged",
        f"Une signature n'est exigée que si « {term} » vaut « warn » ou « reject ».",
        f"A signature is required only where “{term}” is “warn” or “reject”.",
    )


def looks_like_id(value: str) -> bool:
    """Say whether a reference is an id of ours (a UUID), rather than an identifier that somebody chose."""
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number if number < 10 else number - 9 for number in doubled) % 10 == 0
