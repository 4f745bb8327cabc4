"""What is said of a transfer as a whole, beside the checks of its package."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error, info

TRANSFER_TEXTS: Final[dict[str, FindingText]] = {
    "DUPLICATE_MESSAGE": error(
        "Le message « {message_identifier} » de ce service versant a déjà été reçu : versement {transfer}.",
        "Message “{message_identifier}” of this transferring agency was received before: transfer {transfer}.",
    ),
    "DECISION_ACCEPTED": info(
        "L'archiviste a accepté ce versement : {reason}",
        "The archivist accepted this transfer: {reason}",
    ),
    "DECISION_REFUSED": error(
        "L'archiviste a refusé ce versement : {reason}",
        "The archivist refused this transfer: {reason}",
    ),
}
