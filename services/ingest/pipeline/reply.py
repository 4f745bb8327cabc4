"""The SEDA answers to a transfer: Acknowledgement, and ArchiveTransferReply (SEDA 2.0 to 2.3, messages).

Both speak the version of the SIP, in the default namespace, which the clients of the field require.
The reply is made in two times: its package (`reply_package`), which lists every object and unit and may be long, is
written to a file when the AIP is built; its envelope is put around it when the transfer is recorded.
Each finding is an Event of the reply's Operation; SEDA 2.0 has no Operation, and there each is a Comment.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import Header
from services.ingest.pipeline.reply_codes import LISTS, outcome, reply_code
from services.ingest.pipeline.schema import NAMESPACES
from services.ingest.pipeline.xml_stream import Node, document, xml_token

_PLACEHOLDER = ("chartrier", "package")
_NOT_GIVEN = "non communiqué"
_CODE_LISTS: Sequence[Node] = (
    ("MessageDigestAlgorithmCodeListVersion", "chartrier-1"),
    ("FileFormatCodeListVersion", "PRONOM"),
)
_OUTCOMES = {Severity.ERROR: "KO", Severity.WARNING: "WARNING", Severity.INFO: "OK"}
_WEIGHTS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}
_TRIAL = "ESSAI : rien de ce versement n'est conservé, et cette réponse ne prouve rien."
_COMMENTS = {
    "OK": "Versement accepté.",
    "WARNING": "Versement accepté avec des avertissements.",
    "KO": "Versement refusé.",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """What heads an answer: the SIP's header, our own message identifier, and the date (RFC 3339, UTC).

    `codes` is the vocabulary of its ReplyCode. An answer to a `trial` says that nothing was kept. `notes` are
    sentences that it says first.
    """

    header: Header
    identifier: str
    date: str
    codes: ReplyCodes = ReplyCodes.VITAM
    trial: bool = False
    notes: Sequence[str] = ()


def can_answer(header: Header | None) -> bool:
    """Say whether a SEDA answer can be written: the header was read, in a version that we speak."""
    return header is not None and header.seda_version in NAMESPACES and bool(header.message_identifier.strip())


def acknowledgement(letter: Letter) -> bytes:
    """Return the Acknowledgement of a SIP: from the archival agency it names to its transferring agency."""
    out = BytesIO()
    with document(out, "Acknowledgement", {}, [(None, _namespace(letter.header))]) as xml:
        xml.nodes(_notes(letter))
        xml.nodes(_opening(letter))
        xml.nodes([("MessageReceivedIdentifier", _token(letter.header.message_identifier))])
        xml.nodes([_organisation("Sender", letter.header.archival_agency)])
        xml.nodes([_organisation("Receiver", letter.header.transferring_agency)])
    return out.getvalue()


def compose_reply(
    letter: Letter,
    findings: Sequence[Finding],
    text: Callable[[Finding], str],
    grant_date: str | None = None,
    package: Iterable[bytes] = (),
) -> Iterator[bytes]:
    """Yield the ArchiveTransferReply, ready to be concatenated.

    `text` gives the sentence for the depositor; `grant_date`, when responsibility passed to the archive, goes
    with an acceptance and only with it; `package` is what `write_reply_package` wrote, empty for a refusal.
    """
    if (letter.trial or outcome(findings) == "KO") != (grant_date is None):
        raise ValueError("a reply has a grant date if, and only if, the transfer is accepted in earnest")
    whole = _envelope(letter, findings, text, grant_date)
    before, after = whole.split(b"<?%b %b?>" % tuple(word.encode() for word in _PLACEHOLDER))
    yield before
    yield from package
    yield after


def _namespace(header: Header) -> str:
    if not can_answer(header):
        raise ValueError(f"no answer can be written to a SEDA {header.seda_version} message")
    return NAMESPACES[header.seda_version]


def _token(value: str | None) -> str:
    return xml_token(value or "", _NOT_GIVEN)


def _opening(letter: Letter) -> list[Node]:
    return [("Date", letter.date), ("MessageIdentifier", letter.identifier)]


def _notes(letter: Letter) -> list[Node]:
    return [("Comment", told) for told in ([_TRIAL] if letter.trial else []) + [*letter.notes]]


def _organisation(name: str, identifier: str | None) -> Node:
    return name, [("Identifier", _token(identifier))]


def _envelope(
    letter: Letter, findings: Sequence[Finding], text: Callable[[Finding], str], grant_date: str | None
) -> bytes:
    """Return the whole message, with a processing instruction in the place of its package."""
    header = letter.header
    out = BytesIO()
    with document(out, "ArchiveTransferReply", {}, [(None, _namespace(header))]) as xml:
        xml.nodes(_notes(letter))
        xml.nodes([("Comment", _COMMENTS[outcome(findings)])])
        if not _has_operations(header):
            xml.nodes(_comment(finding, text(finding)) for finding in _worst_last(findings))
        xml.nodes(_opening(letter))
        if header.archival_agreement:
            xml.nodes([("ArchivalAgreement", _token(header.archival_agreement))])
        xml.nodes([("CodeListVersions", [("ReplyCodeListVersion", LISTS[letter.codes]), *_CODE_LISTS])])
        xml.instruction(*_PLACEHOLDER)
        xml.nodes([("ReplyCode", reply_code(letter.codes, _worst_last(findings)))])
        if _has_operations(header):
            xml.nodes([("Operation", [_event(letter, finding, text(finding)) for finding in _worst_last(findings)])])
        xml.nodes([("MessageRequestIdentifier", _token(header.message_identifier))])
        if grant_date:
            xml.nodes([("GrantDate", grant_date)])
        xml.nodes([_organisation("ArchivalAgency", header.archival_agency)])
        xml.nodes([_organisation("TransferringAgency", header.transferring_agency)])
    return out.getvalue()


def _has_operations(header: Header) -> bool:
    return header.seda_version != "2.0"


def _worst_last(findings: Sequence[Finding]) -> list[Finding]:
    # A widespread client shows its user the last event's message, and nothing else.
    return sorted(findings, key=lambda finding: _WEIGHTS[finding.severity])


def _comment(finding: Finding, message: str) -> Node:
    told = f"[{_OUTCOMES[finding.severity]}] {finding.code}, {finding.place} : {message}"
    return "Comment", xml_token(told, finding.code)


def _event(letter: Letter, finding: Finding, message: str) -> Node:
    return "Event", [
        ("EventTypeCode", finding.code.partition("_")[0]),
        ("EventDateTime", letter.date),
        ("Outcome", _OUTCOMES[finding.severity]),
        ("OutcomeDetail", finding.code),
        ("OutcomeDetailMessage", xml_token(message, finding.code)),
        ("EventDetailData", xml_token(finding.place, _NOT_GIVEN)),
    ]
