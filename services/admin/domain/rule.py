"""Management rules: a code, what it governs, for how long."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.admin.domain.faults import Fault

UNLIMITED = "unlimited"

_DURATION = re.compile(r"P(?=\d)(\d{1,4}Y)?(\d{1,4}M)?(\d{1,5}D)?")
_CODE = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")


class Category(StrEnum):
    """What a rule governs, in SEDA's words."""

    STORAGE = "StorageRule"
    APPRAISAL = "AppraisalRule"
    ACCESS = "AccessRule"
    DISSEMINATION = "DisseminationRule"
    REUSE = "ReuseRule"
    CLASSIFICATION = "ClassificationRule"
    HOLD = "HoldRule"


FINAL_ACTIONS = {
    Category.STORAGE: ("RestrictAccess", "Transfer", "Copy"),
    Category.APPRAISAL: ("Keep", "Destroy"),
}
"""What may be done at the end, for the two categories where SEDA knows an end."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One code of the referential; `duration` is ``P10Y``, ``P6M``… or `unlimited`."""

    code: str
    category: Category
    duration: str
    final_action: str | None = None


def rule_faults(rules: Sequence[Rule]) -> list[Fault]:
    """Return what is wrong with rules that somebody sent."""
    faults: list[Fault] = []
    seen: set[str] = set()
    for place, rule in enumerate(rules):
        where = f"rules.{place}"
        if not _CODE.fullmatch(rule.code) or rule.code in seen:
            faults.append(_code_fault(where, rule.code))
        if rule.duration != UNLIMITED and not _DURATION.fullmatch(rule.duration):
            faults.append(_duration_fault(where, rule.duration))
        if rule.final_action is not None and rule.final_action not in FINAL_ACTIONS.get(rule.category, ()):
            faults.append(_action_fault(where, rule))
        seen.add(rule.code)
    return faults


def _code_fault(where: str, code: str) -> Fault:
    return Fault(
        f"{where}.code",
        "invalid_rule_code",
        f"Le code « {code[:64]} » est vide, trop long (64), contient une espace ou revient deux fois.",
        f"Code “{code[:64]}” is empty, too long (64), holds a space or comes twice.",
    )


def _duration_fault(where: str, duration: str) -> Fault:
    return Fault(
        f"{where}.duration",
        "invalid_duration",
        f"« {duration[:40]} » n'est pas une durée (« P10Y », « P6M », « unlimited »).",
        f"“{duration[:40]}” is not a duration (“P10Y”, “P6M”, “unlimited”).",
    )


def _action_fault(where: str, rule: Rule) -> Fault:
    known = ", ".join(FINAL_ACTIONS.get(rule.category, ())) or "—"
    return Fault(
        f"{where}.final_action",
        "invalid_final_action",
        f"Sort final inconnu pour {rule.category} (possibles : {known}).",
        f"Unknown final action for {rule.category} (possible: {known}).",
    )
