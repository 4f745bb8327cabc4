"""What one proof says of another: heads that journals must have, packages that seals hold, what is renewed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.journals import Line
from chartrier_client.verifying.records import EvidenceRecord
from chartrier_client.verifying.trees import WIDTH, root


@dataclass(slots=True)
class Said:
    """What a line must be, and who says so; `met` once the line itself was seen."""

    sha512: bytes
    about: Subject
    met: bool = False


@dataclass(slots=True)
class Run:
    """A run of lines that a seal holds under one root; the digests of those seen so far."""

    first: int
    last: int
    root: str
    about: Subject
    digests: bytearray = field(default_factory=bytearray)
    is_met: bool = False

    def end(self) -> None:
        """Compare the root over all its lines, which are let go."""
        leaves = [bytes(self.digests[place : place + WIDTH]) for place in range(0, len(self.digests), WIDTH)]
        self.digests.clear()
        self.is_met = True
        self.about.same(
            "journal.sealed",
            f"{self.first}–{self.last} {root(leaves).hex()}",
            f"{self.first}–{self.last} {self.root}",
        )


@dataclass(frozen=True, slots=True)
class Deposit:
    """A package version as a seal holds it."""

    leaf: str
    members: int
    about: Subject


@dataclass(frozen=True, slots=True)
class Numbered:
    """A seal, a renewal or an anchor: its digest as others name it, and what it says of others."""

    number: int
    sha512: str
    at: datetime
    header: Mapping[str, Any]
    about: Subject


@dataclass(frozen=True, slots=True)
class Renewing:
    """What renews a token, with what it says that the token's digest is; `number` that of the renewal."""

    leaf: str
    number: int


@dataclass(slots=True, eq=False)
class Evidence:
    """An evidence record that was read; `used` once its data was met."""

    record: EvidenceRecord
    about: Subject
    named: bool
    used: bool = False


@dataclass(slots=True)
class Ledger:
    """All that was said so far. Every claim is held once, whoever repeats it: years of seals fit into memory."""

    lines: dict[str, dict[int, Said]] = field(default_factory=lambda: defaultdict(dict))
    runs: dict[str, dict[int, Run]] = field(default_factory=lambda: defaultdict(dict))
    running: dict[str, Run] = field(default_factory=dict)
    batches: dict[tuple[str, int], Said] = field(default_factory=dict)
    deposits: dict[tuple[str, int], Deposit] = field(default_factory=dict)
    receipts: dict[str, list[tuple[dict[str, Any], Subject]]] = field(default_factory=lambda: defaultdict(list))
    seals: dict[int, Numbered] = field(default_factory=dict)
    renewals: dict[int, Numbered] = field(default_factory=dict)
    anchors: dict[int, Numbered] = field(default_factory=dict)
    renewed: dict[tuple[str, int], list[Renewing]] = field(default_factory=lambda: defaultdict(list))
    records: list[Evidence] = field(default_factory=list)
    algorithms: set[str] = field(default_factory=lambda: {"sha512"})
    _proving: dict[bytes, list[Evidence]] = field(default_factory=lambda: defaultdict(list))

    def say_line(self, journal: str, number: int, sha512: str, about: Subject) -> None:
        """Note what a line must be; two that disagree are a fault at once."""
        if not number:
            return
        said = self.lines[journal].setdefault(number, Said(bytes.fromhex(sha512), about))
        if said.sha512.hex() != sha512:
            about.failed("journal.head", "said_otherwise", f"{journal} {number} {sha512}", other=said.about.target)

    def say_run(self, journal: str, run: Run) -> None:
        """Note which lines a seal holds under one root."""
        before = self.runs[journal].setdefault(run.first, run)
        if (before.last, before.root) != (run.last, run.root):
            run.about.failed("journal.sealed", "said_otherwise", f"{journal} {run.first}", other=before.about.target)

    def say_batch(self, sender: str, batch: int, sha512: str, about: Subject) -> None:
        """Note what a sender's batch must be."""
        said = self.batches.setdefault((sender, batch), Said(bytes.fromhex(sha512), about))
        if said.sha512.hex() != sha512:
            about.failed("journal.batch", "said_otherwise", f"{sender} {batch} {sha512}", other=said.about.target)

    def say_deposit(self, row: Mapping[str, Any], about: Subject) -> None:
        """Note what the group of a package version must be."""
        deposit = Deposit(row["leaf"], row["members"], about)
        before = self.deposits.setdefault((row["aip"], row["version"]), deposit)
        if before.leaf != deposit.leaf:
            about.failed("package.sealed", "said_otherwise", row["leaf"], other=before.about.target)

    def say_record(self, record: EvidenceRecord, about: Subject, *, named: bool) -> Evidence:
        """Note a record by what it proves; `named`: it was given as the evidence of what is verified."""
        evidence = Evidence(record, about, named)
        self.records.append(evidence)
        self.algorithms |= record.algorithms
        first = record.chains[0][0]
        for member in record.members or {first.token.imprint}:
            self._proving[member].append(evidence)
        return evidence

    def proving(self, digests: Iterable[bytes]) -> list[Evidence]:
        """Return the records of which some digests are data."""
        if not self._proving:
            return []
        found = {id(each): each for digest in digests for each in self._proving.get(digest, ())}
        return list(found.values())

    def meet_line(self, line: Line) -> None:
        """Compare a line with all that was said of it."""
        said = self.lines[line.journal].get(line.number) if line.journal in self.lines else None
        if said is not None:
            said.met = True
            value = f"{line.journal} {line.number}"
            if said.sha512 == line.sha512:
                said.about.ok("journal.head", value)
            else:
                said.about.failed("journal.head", "line_is_another", value, found=line.sha512.hex())
        self._meet_batch(line)
        self._meet_run(line)

    def _meet_batch(self, line: Line) -> None:
        said = self.batches.get((line.fields["sender"], line.fields["batch"]))
        if said is not None and said.sha512.hex() != line.fields["batch_sha512"]:
            value = f"{line.fields['sender']} {line.fields['batch']}"
            said.about.failed("journal.batch", "line_is_another", value, found=line.fields["batch_sha512"])

    def _meet_run(self, line: Line) -> None:
        """Take the digest of a line into the run that it is of; once that is whole, compare its root."""
        begun = self.runs[line.journal].get(line.number) if line.journal in self.runs else None
        if begun is not None:
            begun.digests.clear()
            self.running[line.journal] = begun
        run = self.running.get(line.journal)
        if run is None or line.number != run.first + len(run.digests) // WIDTH:
            return
        run.digests += line.sha512
        if line.number == run.last:
            del self.running[line.journal]
            run.end()
