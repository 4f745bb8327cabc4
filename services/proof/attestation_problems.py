"""Why there is no attestation, for whoever asked."""

from collections.abc import Mapping
from typing import Any

from services.proof.domain.attestations import Refusal
from shared.problems import Problem


def none_eliminated() -> Problem:
    """Return the answer where no order on an AIP was carried out."""
    return Problem(
        409,
        "nothing_to_attest",
        "Aucun ordre d'élimination de cette archive n'a été exécuté.",
        "No order to eliminate this archive was carried out.",
    )


def none_communicated() -> Problem:
    """Return the answer where a line tells of no communication of an AIP."""
    return Problem(
        409,
        "nothing_to_attest",
        "Cette ligne ne rend compte d'aucune communication de cette archive.",
        "This line tells of no communication of this archive.",
    )


def no_receipt() -> Problem:
    """Return the answer where a deposit has no receipt yet."""
    return Problem(
        409,
        "receipt_not_ready",
        "Le reçu n'est pas encore délivré : il l'est peu après l'acceptation du versement.",
        "The receipt is not issued yet: it is, shortly after the transfer was accepted.",
        headers={"Retry-After": "5"},
    )


def refused(told: Mapping[str, Any]) -> Problem:
    """Return the answer where nothing is attested, by what was kept of why."""
    if told["why"] == Refusal.UNREADABLE:
        return Problem(
            503,
            "copies_unreadable",
            "Un site ne donne pas son exemplaire pour le moment : rien n'est attesté.",
            "A site does not give its copy for the moment: nothing is attested.",
            extra={"checks": told["checks"]},
            headers={"Retry-After": "60"},
        )
    if told["why"] == Refusal.NOT_SEALED:
        return Problem(
            409,
            "not_sealed_yet",
            "Cet objet n'est pas encore scellé, ou son sceau n'est pas encore horodaté.",
            "This is not sealed yet, or its seal has no time-stamp yet.",
            headers={"Retry-After": "3600"},
        )
    return Problem(
        409,
        "copies_not_whole",
        "Un contrôle a trouvé un écart : rien n'est attesté.",
        "A check found something that is not as it should be: nothing is attested.",
        extra={"checks": told["checks"]},
    )
