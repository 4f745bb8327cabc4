"""What hangs together: containers of a journal, seals, anchors and renewals that name the ones before."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.evidence import judge_record
from chartrier_client.verifying.journals import Container
from chartrier_client.verifying.ledger import Ledger, Numbered
from chartrier_client.verifying.stages import Case

_BEFORE: Final = (("month_before", timedelta(days=30)), ("year_before", timedelta(days=365)))


def link(case: Case) -> None:
    """Check all that needs more than one file."""
    _link_containers(case)
    ledger = case.ledger
    _chain(case, ledger.seals, lambda seal: seal.header["previous"])
    _chain(case, ledger.renewals, lambda renewal: renewal.header["previous"])
    _chain(case, ledger.anchors, _anchor_before)
    _look_back(ledger)
    for seal in ledger.seals.values():
        _names(seal, seal.header["anchor"], ledger.anchors, "seal.anchor")
    for anchor in ledger.anchors.values():
        _names(anchor, anchor.header["seal"], ledger.seals, "anchor.seal")
    _link_lines(case)
    _link_receipts(ledger)
    _unused_records(case)


def _anchor_before(anchor: Numbered) -> Mapping[str, Any] | None:
    before = anchor.header["previous"]
    return None if before is None else {"number": anchor.number - 1, "sha512": before}


def _link_containers(case: Case) -> None:
    journals: dict[str, list[Container]] = defaultdict(list)
    for container in case.containers:
        journals[container.journal].append(container)
    for journal, containers in journals.items():
        containers.sort(key=lambda each: (each.first, each.last))
        begun = case.report.about(containers[0].target)
        if containers[0].first != 1:
            _begins_later(case, begun, "journal.numbers", f"{journal} {containers[0].first}")
        for one, other in pairwise(containers):
            about = case.report.about(other.target)
            if (one.first, one.last, one.head) == (other.first, other.last, other.head):
                continue
            if other.first != one.last + 1:
                about.failed("journal.numbers", "line_missing", journal, found=other.first, expected=one.last + 1)
            elif other.previous != one.head:
                about.failed("journal.chain", "previous_mismatch", journal, number=other.first)
            else:
                about.ok("journal.chain", f"{journal} {one.last} → {other.first}")


def _chain(case: Case, known: Mapping[int, Numbered], before: Any) -> None:  # noqa: ANN401 (a function of one)
    """Check that each one names the one before, and that none is missing between the first and the last."""
    ordered = [known[number] for number in sorted(known)]
    for place, one in enumerate(ordered):
        named = before(one)
        if (named is None) != (one.number == 1) or (named and named["number"] != one.number - 1):
            one.about.failed("chain", "names_none_before", one.number)
        elif place and ordered[place - 1].number != one.number - 1:
            one.about.failed("chain", "number_missing", one.number, expected=ordered[place - 1].number + 1)
        elif place and ordered[place - 1].at > one.at:
            one.about.failed("chain", "not_in_order", one.at.isoformat())
        elif place:
            one.about.same("chain", named["sha512"], ordered[place - 1].sha512)
        elif one.number != 1:
            _begins_later(case, one.about, "chain", one.number)


def _begins_later(case: Case, about: Subject, what: str, value: object) -> None:
    """Say that what comes before is not here: of files that were picked it is of no account, in a folder a gap."""
    if case.in_folder:
        about.could_not(what, "begins_later", value)
    else:
        about.remark("begins_later", number=value)


def _look_back(ledger: Ledger) -> None:
    """Check the seals of a month and a year before: the newest that are so old, or none where there is none."""
    times: list[datetime] = []
    for number in sorted(ledger.seals):
        seal = ledger.seals[number]
        is_whole = len(times) == number - 1
        for name, age in _BEFORE:
            named = seal.header[name]
            _names(seal, named, ledger.seals, "seal.before")
            found, expected = (named or {}).get("number"), bisect_right(times, seal.at - age) or None
            # Only where all are here since the first one can it be told which one it should be.
            if is_whole and found != expected:
                seal.about.failed("seal.before", "names_another", found, expected=expected)
        if is_whole:
            times.append(seal.at)


def _names(by: Numbered, named: Mapping[str, Any] | None, known: Mapping[int, Numbered], what: str) -> None:
    """Compare what is named with what is here under that number."""
    if named is not None and named["number"] in known:
        by.about.same(
            what, f"{named['number']} {named['sha512']}", f"{named['number']} {known[named['number']].sha512}"
        )


def _link_lines(case: Case) -> None:
    """Say which lines that were promised, of journals that are here, nobody saw, and which ones nobody promised."""
    here: dict[str, Container] = {}
    for container in case.containers:
        before = here.setdefault(container.journal, container)
        here[container.journal] = max(before, container, key=lambda each: each.last)
    for journal, newest in here.items():
        _link_journal(case.ledger, journal, newest, case.report.about(newest.target))
    receipts = {about.target for rows in case.ledger.receipts.values() for _, about in rows}
    for journal, lines in case.ledger.lines.items():
        for number, said in lines.items() if journal not in here else ():
            if said.about.target in receipts:
                said.about.remark("journal_not_here", journal=journal, number=number)


def _link_journal(ledger: Ledger, journal: str, newest: Container, about: Subject) -> None:
    said = ledger.lines.get(journal, {})
    unmet = sorted(number for number, each in said.items() if not each.met)
    met = max((number for number, each in said.items() if each.met), default=0)
    if unmet:
        said[unmet[-1]].about.could_not("journal.head", "lines_not_here", f"{journal} {unmet[-1]}", first=unmet[0])
    if met < newest.last:
        reason = "lines_unproven" if met else "nothing_proves"
        about.could_not("journal.proof", reason, f"{journal} {met + 1}–{newest.last}")
    for run in ledger.runs.get(journal, {}).values():
        if not run.is_met:
            run.about.could_not(
                "journal.sealed", "lines_not_here", f"{journal} {run.first}–{run.last}", first=run.first
            )


def _link_receipts(ledger: Ledger) -> None:
    for aip, rows in ledger.receipts.items():
        for receipt, about in rows:
            deposit = ledger.deposits.get((aip, receipt["version"]))
            if deposit is not None:
                about.same(
                    "receipt.sealed", f"{receipt['members']} {receipt['group']}", f"{deposit.members} {deposit.leaf}"
                )


def _unused_records(case: Case) -> None:
    for evidence in case.ledger.records:
        if not evidence.used:
            judge_record(evidence.record, None, case.grounds, evidence.about)
