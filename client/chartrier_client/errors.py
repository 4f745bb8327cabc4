"""What can go wrong when talking to an archive.

Problem          the archive answered no, and says why (RFC 9457); `NoToken` where it would not even hear the question
Unreachable      no answer came, even after trying again where that is safe
UnexpectedAnswer something answered that is not an archive this client knows
StillRunning     the time allowed is over; the work goes on at the archive
DigestMismatch   the bytes received are not the bytes the archive announced
UploadError      a resumable deposit cannot go on: its file changed, or the archive answers oddly
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the archive found in a deposit; `code` never changes meaning, `mend` says what to do about it."""

    code: str
    severity: str
    place: str
    message: str
    mend: str = ""


class Problem(Exception):
    """The archive refused the request; `code` is stable, `title` and `detail` are for people."""

    def __init__(self, status: int, code: str, title: str, detail: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(f"{detail or title} ({status} {code})")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.findings = findings


class NoToken(Problem):
    """The archive refused a token: what was to be asked with it was never asked."""


class Unreachable(Exception):
    """The archive did not answer, or its answer broke off."""


class UnexpectedAnswer(Exception):
    """What answered is not an archive, or not one this client understands."""


class StillRunning(Exception):
    """We stopped waiting; nothing is lost, ask again later with the same identifier."""


class DigestMismatch(Exception):
    """What was downloaded differs from what was announced; nothing was kept on disk."""


class UploadError(Exception):
    """A resumable deposit cannot go on as it is."""


def problem_from(response: httpx.Response) -> Problem:
    """Read a refusal, whoever wrote it: a proxy's page gives a problem without a code of ours."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return problem_of(body, response.status_code, response.reason_phrase)


def problem_of(body: object, status: int, title: str = "") -> Problem:
    """Read the JSON of a refusal; what is absent of it is taken from the HTTP answer."""
    known: Mapping[str, object] = body if isinstance(body, Mapping) else {}
    told = known.get("status")
    return Problem(
        told if isinstance(told, int) else status,
        str(known.get("code") or f"HTTP_{status}"),
        str(known.get("title") or title),
        str(known.get("detail") or ""),
        findings_from(known.get("findings")),
    )


def findings_from(rows: object) -> tuple[Finding, ...]:
    """Read findings from JSON; unknown fields are left aside, absent ones are empty."""
    if not isinstance(rows, list):
        return ()
    return tuple(
        Finding(*(str(row.get(name) or "") for name in ("code", "severity", "place", "message", "mend")))
        for row in rows
        if isinstance(row, dict)
    )
