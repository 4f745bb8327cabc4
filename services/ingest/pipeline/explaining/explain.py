"""Make one clear finding of one refusal, if `xmlschema` finds the same fault at the same place."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

from services.ingest.domain.findings import Finding
from services.ingest.domain.suspects import Suspect
from services.ingest.pipeline.explaining import elements, values
from services.ingest.pipeline.explaining.places import Place, Told, place_in

_BY_MARK: Final = MappingProxyType[str, Callable[[Place, str], Told | None]](
    {
        "is required but missing": values.absent_attribute,
        "' is not allowed.": values.unknown_attribute,
        ", attribute '": values.bad_attribute,
        "This element is not expected": elements.unexpected,
        "Missing child element(s)": elements.incomplete,
        "Character content other than whitespace": values.stray_text,
        "Element content is not allowed": values.stray_elements,
        "[facet '": values.bad_value,
        "is not a valid value": values.bad_value,
    }
)
"""What libxml2 says of a fault, and who explains it; the first that is said counts."""


class Explanation(NamedTuple):
    """The finding of each suspect, and the classes of the errors for which some could not be explained.

    The classes alone: what an error says may quote the manifest, and it is for a log.
    """

    findings: list[Finding]
    failures: list[str]


def explain(suspects: Sequence[Suspect], seconds: float) -> Explanation:
    """Return the finding of each suspect, explained; as it was where there is nothing better to say.

    Those that are not reached within `seconds`, and those over which `xmlschema` fails, stay as they were. Raises
    nothing but `MemoryError`.
    """
    until = time.monotonic() + seconds
    findings, failures = [suspect.finding for suspect in suspects], []
    for number, suspect in enumerate(suspects):
        if time.monotonic() >= until:
            break
        try:
            findings[number] = _explained(suspect)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 (one fault that cannot be explained is no reason to leave the others)
            failures.append(type(error).__name__)
    return Explanation(findings, failures)


def _explained(suspect: Suspect) -> Finding:
    reason = suspect.finding.params.get("reason", "")
    explainer = next((each for mark, each in _BY_MARK.items() if mark in reason), None)
    place = None if explainer is None else place_in(suspect.extract, suspect.version)
    if explainer is None or place is None or not reason.startswith(f"Element '{place.name}'"):
        return suspect.finding
    told = explainer(place, reason)
    if told is None:
        return suspect.finding
    texts = {
        "reason": told.what.en,
        "reason_fr": told.what.fr,
        "found": told.found,
        "expected": told.expected.en,
        "expected_fr": told.expected.fr,
    }
    return replace(suspect.finding, params={**suspect.finding.params, **texts})
