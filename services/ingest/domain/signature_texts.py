"""Texts of the findings on electronic signatures."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, warning

_FR = "La signature « {signature} » ({form}) de {signer}"
_EN = "The signature “{signature}” ({form}) of {signer}"

SIGNATURE_TEXTS: Final[dict[str, FindingText]] = {
    "SIGNATURE_INVALID": warning(
        f"{_FR} n’est pas valide : {{rule}} ({{indication}}).",
        f"{_EN} is not valid: {{rule}} ({{indication}}).",
    ),
    "SIGNATURE_INDETERMINATE": warning(
        f"{_FR} n’a pas pu être reconnue valide : {{rule}} ({{indication}}).",
        f"{_EN} could not be found valid: {{rule}} ({{indication}}).",
    ),
    "SIGNATURE_PARTIAL": warning(
        "Les signatures de ce fichier, ensemble, ne le couvrent pas en entier : {rule}.",
        "The signatures of this file, together, do not cover all of it: {rule}.",
    ),
    "SIGNATURE_MISSING": warning(
        "L’accord demande des documents signés, et ce fichier ne l’est pas.",
        "The agreement asks for documents that are signed, and this file is not.",
    ),
    "SIGNATURE_MESSAGE_INVALID": warning(
        "La signature du bordereau ({form}), de {signer}, n’est pas valide : {rule} ({indication}).",
        "The signature of the manifest ({form}), of {signer}, is not valid: {rule} ({indication}).",
    ),
    "SIGNATURE_MESSAGE_INDETERMINATE": warning(
        "La signature du bordereau ({form}), de {signer}, n’a pas pu être reconnue valide : {rule} ({indication}).",
        "The signature of the manifest ({form}), of {signer}, could not be found valid: {rule} ({indication}).",
    ),
    "SIGNATURE_MESSAGE_MISSING": warning(
        "L’accord demande un bordereau signé, et celui-ci ne l’est pas.",
        "The agreement asks for a manifest that is signed, and this one is not.",
    ),
}
"""All of them warnings here: an agreement that refuses makes errors of them."""
