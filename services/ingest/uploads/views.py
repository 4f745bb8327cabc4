"""Uploads as the HTTP surface shows them: in the headers of tus, and as JSON."""

from email.utils import format_datetime
from typing import Any

from services.ingest.domain.upload import UploadState
from services.ingest.uploads.queries import Upload
from shared.clock import rfc3339
from shared.problems import Problem, document

PLACE = "/ingest/v1/uploads"


def place_of(upload: Upload) -> str:
    """Return where an upload is."""
    return f"{PLACE}/{upload.id}"


def transfer_of(upload: Upload) -> str | None:
    """Return where the transfer is that came of an upload; None while there is none."""
    return f"/ingest/v1/transfers/{upload.transfer}" if upload.state is UploadState.COMPLETED else None


def headers_of(upload: Upload) -> dict[str, str]:
    """Return what tus, and we, say of an upload in every answer about it."""
    transfer = transfer_of(upload)
    return {
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
        "Cache-Control": "no-store",
        **({} if transfer is None else {"Chartrier-Transfer": transfer}),
    }


def problem_of(upload: Upload) -> Problem | None:
    """Return why an upload was refused, as it was found then; None where it was not."""
    return None if upload.problem is None else Problem(**upload.problem)


def upload_view(upload: Upload, language: str) -> dict[str, Any]:
    """Show an upload."""
    problem = problem_of(upload)
    return {
        "id": str(upload.id),
        "state": upload.state.value,
        "offset": upload.received,
        "length": upload.length,
        "expires_at": rfc3339(upload.expires_at),
        "transfer": transfer_of(upload),
        "problem": None if problem is None else document(problem, language),
    }
