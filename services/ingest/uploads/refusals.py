"""What is said to whoever uploads, and cannot go on so."""

from services.ingest.domain.upload import MOST_OPEN, MOST_PIECES, UploadState
from services.ingest.uploads.queries import Upload
from shared.problems import Problem


def cut_short() -> Problem:
    """Return the answer for a body that broke off: as a rule nobody hears it."""
    return Problem(
        400,
        "truncated",
        "Le corps s'est interrompu ; demandez par HEAD jusqu'où il est parvenu.",
        "The body was cut short; ask by HEAD how far it came.",
    )


def too_slow() -> Problem:
    """Return the answer for a body that does not come; what came of it counts."""
    return Problem(
        408,
        "too_slow",
        "Le corps de la requête arrive trop lentement ; demandez par HEAD jusqu'où il est parvenu.",
        "The body of the request comes too slowly; ask by HEAD how far it came.",
        headers={"Connection": "close"},
    )


def checksum_mismatch() -> Problem:
    """Return the answer for bytes that are not those of their Upload-Checksum."""
    return Problem(
        460,
        "checksum_mismatch",
        "Ces octets n'ont pas l'empreinte annoncée ; aucun n'a été conservé.",
        "These bytes do not have the announced checksum; none of them was kept.",
    )


def beyond_length(upload: Upload) -> Problem:
    """Return the answer for more bytes than were announced at the beginning."""
    return Problem(
        413,
        "beyond_length",
        f"Ce dépôt a été annoncé de {upload.length} octets, et il en vient davantage.",
        f"This upload was announced with {upload.length} bytes, and more of them come.",
        extra={"length": upload.length},
    )


def too_many_requests_of_one() -> Problem:
    """Return the answer for an upload in pieces too small."""
    return Problem(
        400,
        "too_many_pieces",
        f"Ce dépôt est déjà en {MOST_PIECES} morceaux ; recommencez-le par requêtes plus longues.",
        f"This upload is in {MOST_PIECES} pieces already; begin it again with longer requests.",
    )


def too_many_uploads() -> Problem:
    """Return the answer for a client that leaves uploads lying about."""
    return Problem(
        429,
        "too_many_uploads",
        f"{MOST_OPEN} de vos dépôts sont inachevés ; achevez-en ou supprimez-en (DELETE).",
        f"{MOST_OPEN} of your uploads are unfinished; finish some, or delete them.",
        headers={"Retry-After": "60"},
    )


def locked() -> Problem:
    """Return the answer while another request appends to the same upload."""
    return Problem(
        423,
        "upload_locked",
        "Une autre requête ajoute à ce dépôt en ce moment.",
        "Another request is appending to this upload.",
        headers={"Retry-After": "2"},
    )


def wrong_offset(upload: Upload) -> Problem:
    """Return the answer for bytes that do not follow those that are there."""
    return Problem(
        409,
        "wrong_offset",
        f"Ce dépôt se poursuit à l'octet {upload.received}.",
        f"This upload goes on at byte {upload.received}.",
        extra={"offset": upload.received},
        headers={"Upload-Offset": str(upload.received)},
    )


def assembling() -> Problem:
    """Return the answer for whoever would take back what is being entered."""
    return Problem(
        409,
        "upload_assembling",
        "Tous les octets sont là : le versement est en cours d'enregistrement.",
        "All bytes are there: the transfer is being entered.",
        headers={"Retry-After": "5"},
    )


_GONE = {
    UploadState.EXPIRED: ("upload_expired", "a expiré", "has expired"),
    UploadState.REFUSED: ("upload_refused", "a été refusé", "was refused"),
    UploadState.TERMINATED: ("upload_terminated", "a été supprimé", "was deleted"),
}


def gone(state: UploadState) -> Problem:
    """Return the answer for an upload that came to nothing."""
    code, fr, en = _GONE[state]
    return Problem(410, code, f"Ce dépôt {fr}.", f"This upload {en}.")


def lost() -> Problem:
    """Return the answer for bytes that staging no longer has: they must come again."""
    return Problem(
        409,
        "upload_lost",
        "L'archive a perdu des octets de ce dépôt avant de l'enregistrer ; déposez-le à nouveau.",
        "The archive lost bytes of this upload before it was entered; deposit it again.",
    )
