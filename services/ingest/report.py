"""The report on a transfer for people: what was found, where, and what to mend, in French or English."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Finding, Severity, is_refused
from services.ingest.domain.mend_texts import mend
from services.ingest.domain.places import place_in_words, reading_order
from services.ingest.domain.profile import applied_of_json
from services.ingest.domain.records import findings_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.html_page import block, element, page, table
from services.ingest.queries import Transfer

_TITLES = {
    TransferState.ACCEPTED: ("Versement accepté", "Transfer accepted"),
    TransferState.REJECTED: ("Versement refusé", "Transfer rejected"),
    TransferState.AWAITING_DECISION: (
        "Versement en attente de la décision d’un archiviste",
        "Transfer awaiting an archivist’s decision",
    ),
}
_JUDGED = {
    True: ("Essai : ce versement serait refusé", "Dry run: this transfer would be rejected"),
    False: ("Essai : ce versement serait accepté", "Dry run: this transfer would be accepted"),
}
_ELIMINATED = (
    ("Archives éliminées", "Archives eliminated"),
    (
        "Ce versement avait été accepté ; ses archives ont été éliminées depuis, et ce rapport n’en dit plus rien.",
        "This transfer had been accepted; its archives were eliminated since, and this report says no more of them.",
    ),
)
_UNDER_WAY = ("Versement en cours de traitement", "Transfer under way")
_LEADS = {
    TransferState.ACCEPTED: (
        "L’archive en a pris la responsabilité : les fichiers peuvent être retrouvés et consultés.",
        "The archive has taken responsibility for it: its files can be found and read.",
    ),
    TransferState.REJECTED: (
        "Rien n’en est conservé. Corrigez les erreurs ci-dessous, refaites le paquet, déposez-le de nouveau.",
        "None of its files is kept. Mend the errors below, make the package again and send it anew.",
    ),
    TransferState.JUDGED: (
        "C’était un essai : rien n’en est conservé que ce rapport.",
        "This was a dry run: nothing of it is kept but this report.",
    ),
    TransferState.AWAITING_DECISION: (
        "Le paquet a passé tous les contrôles ; un archiviste va l’accepter ou le refuser.",
        "The package passed every check; an archivist will accept or refuse it.",
    ),
}
_PATIENCE = (
    "Rien n’est encore décidé. Demandez de nouveau ce rapport dans quelques instants.",
    "Nothing is decided yet. Ask for this report again in a while.",
)
_CUT_SHORT = (
    "Le paquet n’a pas pu être lu en entier : d’autres constats peuvent apparaître quand ceux-ci seront corrigés.",
    "The package could not be read to its end: more findings may appear once these are mended.",
)
_NOTHING_FOUND = ("Aucun constat.", "No finding.")
_HEADINGS = {
    Severity.ERROR: ("Erreurs, à corriger", "Errors, to be mended"),
    Severity.WARNING: ("Avertissements, qui n’empêchent pas l’archivage", "Warnings, which refuse nothing"),
    Severity.INFO: ("Pour information", "For information"),
}
# What told of units that were eliminated has no place any more (`services/ingest/domain/remaining.py`).
_NO_PLACE = ("Lieu effacé : des archives ont été éliminées", "Place erased: archives were eliminated")
_TO_MEND = ("Que faire :", "What to do:")
_AS_ABOVE = ("Que faire : comme plus haut.", "What to do: as above.")


def report(transfer: Transfer, language: str) -> str:
    """Return the whole page on a transfer, whatever its state; also of a package that could not be read."""
    at = 0 if language == "fr" else 1
    findings = findings_of_json(transfer.findings)
    return page(
        _title(transfer, is_refused(findings), at),
        language,
        [
            element("p", _lead(transfer)[at], class_="lead"),
            *([element("p", _CUT_SHORT[at])] if _cut_short(transfer) else []),
            *(_sections(findings, language) if findings else [element("p", _NOTHING_FOUND[at])]),
            element("h2", ("Le versement", "The transfer")[at]),
            table(_facts(transfer, at)),
        ],
    )


def _title(transfer: Transfer, refused: bool, at: int) -> str:  # noqa: FBT001 (what was found)
    if transfer.purged_by is not None:
        return _ELIMINATED[0][at]
    judged = transfer.state is TransferState.JUDGED
    title = (_JUDGED[refused] if judged else _TITLES.get(transfer.state, _UNDER_WAY))[at]
    return f"{title} : {transfer.filename}" if transfer.filename else title


def _lead(transfer: Transfer) -> tuple[str, str]:
    return _ELIMINATED[1] if transfer.purged_by is not None else _LEADS.get(transfer.state, _PATIENCE)


def _cut_short(transfer: Transfer) -> bool:
    return transfer.state in {TransferState.REJECTED, TransferState.JUDGED} and (
        transfer.header is None or "files" not in (transfer.counts or {})
    )


def _sections(findings: Sequence[Finding], language: str) -> Iterator[str]:
    for severity, names in _HEADINGS.items():
        chosen = [finding for finding in findings if finding.severity is severity]
        if chosen:
            heading = f"{names[0 if language == 'fr' else 1]} ({len(chosen)})"
            inside = [element("h2", heading), *_places(chosen, language)]
            yield block("section", inside, class_=severity.value)


def _places(findings: Sequence[Finding], language: str) -> Iterator[str]:
    told: set[str] = set()
    ordered = sorted(findings, key=lambda finding: reading_order(finding.place))
    for place, here in groupby(ordered, key=lambda finding: finding.place):
        yield element("h3", place_in_words(place, language) if place else _NO_PLACE[language != "fr"])
        yield block("ul", [_item(finding, language, told) for finding in here])


def _item(finding: Finding, language: str, told: set[str]) -> str:
    """Return one finding; what to do about it is written once, however many ask for the same."""
    at = 0 if language == "fr" else 1
    advice = mend(finding, language)
    lines = [element("p", text(finding, language))]
    if advice in told:
        lines.append(element("p", _AS_ABOVE[at]))
    elif advice:
        told.add(advice)
        lines.append(f"<p>{element('strong', _TO_MEND[at])} {element('span', advice)}</p>")
    return block("li", [*lines, element("code", finding.code)])


def _facts(transfer: Transfer, at: int) -> Iterator[tuple[str, str | None]]:
    counts = transfer.counts or {}
    yield ("Fichier", "File")[at], transfer.filename
    yield ("Taille", "Size")[at], f"{_number(transfer.size)} {('octets', 'bytes')[at]}"
    yield ("Reçu le", "Received")[at], _when(transfer.received_at, at)
    yield ("Pris en charge le", "Accepted")[at], _when(transfer.granted_at, at)
    yield ("Identifiant du message", "Message identifier")[at], transfer.message_identifier
    yield ("Service versant", "Transferring agency")[at], transfer.transferring_agency
    yield ("Unités d’archives", "Archive units")[at], _count(counts.get("units"))
    yield ("Objets", "Data objects")[at], _count(counts.get("objects"))
    yield ("Profil d’archivage", "Archival profile")[at], _profile(transfer)
    yield ("Motif", "Reason")[at], transfer.reason
    yield ("Identifiant du versement", "Transfer")[at], str(transfer.id)
    yield ("Empreinte SHA-512 du paquet", "SHA-512 of the package")[at], transfer.sha512


def _profile(transfer: Transfer) -> str | None:
    applied = applied_of_json(transfer.profile)
    return None if applied is None else applied.name


def _when(moment: datetime | None, at: int) -> str | None:
    forms = ("%d/%m/%Y à %H:%M (temps universel)", "%Y-%m-%d at %H:%M (universal time)")
    return None if moment is None else moment.astimezone(UTC).strftime(forms[at])


def _count(value: int | None) -> str | None:
    return None if value is None else _number(value)


def _number(value: int) -> str:
    # Thousands apart, by a space that does not break: read alike in both languages.
    return f"{value:,}".replace(",", "\u00a0")
