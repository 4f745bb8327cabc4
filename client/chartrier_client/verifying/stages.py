"""One stage for each kind of proof: read it, judge it alone, and note what it says of others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chartrier_client.verifying import shapes
from chartrier_client.verifying.checks import Malformed, Report, Subject
from chartrier_client.verifying.evidence import judge_record
from chartrier_client.verifying.hashing import PIECE, Measured, digests_of
from chartrier_client.verifying.journals import Container, Line, read_container
from chartrier_client.verifying.jws import Jws, judge_jws
from chartrier_client.verifying.ledger import Evidence, Ledger, Numbered, Renewing, Run
from chartrier_client.verifying.paths import Moments
from chartrier_client.verifying.recognising import Item, read_signature
from chartrier_client.verifying.records import LARGEST, Proven, read_record
from chartrier_client.verifying.renewals import read_renewal
from chartrier_client.verifying.seals import read_seal
from chartrier_client.verifying.stamped import Stamped, judge_stamped
from chartrier_client.verifying.trees import digest
from chartrier_client.verifying.trust import Grounds

DATA: Final = "data"


@dataclass(slots=True)
class Case:
    """Everything that is verified together; `in_folder`: a folder was given, which should hold all there is."""

    report: Report
    grounds: Grounds
    in_folder: bool = False
    ledger: Ledger = field(default_factory=Ledger)
    containers: list[Container] = field(default_factory=list)
    held_renewals: dict[int, tuple[Stamped, Subject]] = field(default_factory=dict)

    def about(self, item: Item) -> Subject:
        """Return where to say what is found of a file."""
        return self.report.about(item.path.name)


def take_record(case: Case, item: Item) -> Evidence:
    """Read an evidence record; what it proves is met later. Raises `Malformed` and `OSError`."""
    with item.path.open("rb") as file:
        record = read_record(file.read(LARGEST + 1))
    return case.ledger.say_record(record, case.about(item), named=item.is_evidence)


def prove(case: Case, name: str, found: Iterable[Evidence], proven: Proven) -> int:
    """Judge records that prove some data; return how many there are."""
    count = 0
    for evidence in found:
        evidence.used = True
        about = case.report.about(f"{evidence.about.target} → {name}")
        judge_record(evidence.record, proven, case.grounds, about)
        count += 1
    return count


def prove_bytes(case: Case, name: str, content: bytes) -> None:
    """Judge the records that prove one run of bytes: a line, a row of heads, a `seal.json`."""
    if case.ledger.records:
        prove_data(case, name, digests_of(content, case.ledger.algorithms))


def prove_data(case: Case, name: str, digests: Mapping[str, bytes]) -> int:
    """Judge the records that prove one thing, given by its digests; return how many there are."""
    proven = Proven({algorithm: {DATA: value} for algorithm, value in digests.items()})
    return prove(case, name, case.ledger.proving(digests.values()), proven)


def take_renewal(case: Case, item: Item) -> None:
    """Read a renewal, which is judged once all are known. Raises `Malformed` and `OSError`."""
    about = case.about(item)
    rows: list[dict[str, Any]] = []
    renewal = read_renewal(item.path, case.grounds, about, lambda row, _: rows.append(row))
    _number(case.ledger.renewals, renewal, about)
    case.held_renewals[renewal.number] = (renewal, about)
    for row in rows:
        if "renewed" in row:
            renewed = (row["renewed"]["kind"], row["renewed"]["number"])
            case.ledger.renewed[renewed].append(Renewing(row["leaf"], renewal.number))


def judge_renewals(case: Case) -> None:
    """Judge the renewals that were read, each at the time of the one that renews it."""
    for renewal, about in case.held_renewals.values():
        try:
            judge_stamped(renewal, _renewed(case, "renewal", renewal, about), case.grounds, about)
        except Malformed as fault:
            about.malformed("seal", fault)


def take_seal(case: Case, item: Item) -> None:
    """Read and judge a seal, and note what it says. Raises `Malformed` and `OSError`."""
    about, ledger = case.about(item), case.ledger

    def on_head(row: dict[str, Any], line: bytes) -> None:
        ledger.say_line(row["journal"], row["head"]["number"], row["head"]["sha512"], about)
        if row["lines"] is not None:
            run = Run(row["lines"]["first"], row["lines"]["last"], row["lines"]["root"], about)
            ledger.say_run(row["journal"], run)
        prove_bytes(case, f"{about.target} {row['journal']}", line)

    def on_deposit(row: dict[str, Any], _: bytes) -> None:
        ledger.say_deposit(row, about)

    seal = read_seal(item.path, case.grounds, about, on_head, on_deposit)
    prove_bytes(case, f"{about.target} seal.json", seal.document)
    _number(ledger.seals, seal, about)
    judge_stamped(seal, _renewed(case, "seal", seal, about), case.grounds, about)


def _number(known: dict[int, Numbered], stamped: Stamped, about: Subject) -> None:
    numbered = Numbered(stamped.number, stamped.sha512, shapes.moment(stamped.header["at"]), stamped.header, about)
    say_numbered(known, numbered)


def say_numbered(known: dict[int, Numbered], numbered: Numbered) -> None:
    """Note something that has a number; another under the same number is a fault."""
    before = known.setdefault(numbered.number, numbered)
    if before.sha512 != numbered.sha512:
        numbered.about.failed("number", "number_twice", numbered.number, other=before.about.target)


def _renewed(case: Case, kind: str, stamped: Stamped, about: Subject) -> Moments | None:
    """Return the moments of a token that a renewal renews, None where none does."""
    if stamped.token is None:
        return None
    until = []
    for renewing in case.ledger.renewed.get((kind, stamped.number), ()):
        renewal, _ = case.held_renewals[renewing.number]
        if renewal.token is None:
            continue
        if digest(stamped.token.der, renewal.algorithm).hex() == renewing.leaf:
            until.append(renewal.token.at)
            about.ok("seal.renewed", f"{renewing.number} {renewal.token.at.isoformat()}")
        else:
            about.failed("seal.renewed", "token_is_another", renewing.number, leaf=renewing.leaf)
    return Moments(stamped.token.at, min(until), renewed=True) if until else None


def take_anchor(case: Case, item: Item) -> None:
    """Read and judge an anchor, and note what it says. Raises `Malformed` and `OSError`."""
    about, ledger = case.about(item), case.ledger
    jws = _jws(item)
    shapes.fits(jws.payload, shapes.ANCHOR)
    at = shapes.moment(jws.payload["at"])
    _judge(jws, jws.payload["at"], case, about)
    sha512, _ = _measured(item, {"sha512"})
    numbered = Numbered(jws.payload["number"], sha512["sha512"].hex(), at, _without_heads(jws.payload), about)
    say_numbered(ledger.anchors, numbered)
    for head in jws.payload["heads"]:
        ledger.say_line(head["journal"], head["number"], head["sha512"], about)
    for sender in jws.payload["senders"]:
        ledger.say_batch(sender["sender"], sender["batch"], sender["sha512"], about)


def _without_heads(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in {"heads", "senders"}}


def take_receipt(case: Case, item: Item) -> None:
    """Read and judge a receipt, and note what it says. Raises `Malformed` and `OSError`."""
    about = case.about(item)
    jws = _jws(item)
    shapes.fits(jws.payload, shapes.RECEIPT)
    _judge(jws, jws.payload["issued_at"], case, about)
    copies = {copy["sha512"] for copy in jws.payload["copies"]}
    if copies - {jws.payload["aip_sha512"]}:
        about.failed("receipt.copies", "differs", ", ".join(sorted(copies)), expected=jws.payload["aip_sha512"])
    else:
        about.ok("receipt.copies", len(jws.payload["copies"]))
    case.ledger.receipts[jws.payload["aip"]].append((jws.payload, about))
    for line in jws.payload["lines"]:
        case.ledger.say_line(line["journal"], line["number"], line["sha512"], about)


def _jws(item: Item) -> Jws:
    jws = read_signature(item.path)
    if isinstance(jws, Malformed):
        raise jws
    return jws


def _judge(jws: Jws, at: str, case: Case, about: Subject) -> None:
    about.ok("jws.time", at)
    judge_jws(jws, shapes.moment(at), case.grounds, about)
    if not jws.payload["probative"]:
        about.without_probative_value()


def take_container(case: Case, item: Item) -> None:
    """Read a container, compare its lines with all that was said of them. Raises `Malformed` and `OSError`."""
    about = case.about(item)

    def on_line(line: Line) -> None:
        case.ledger.meet_line(line)
        prove_bytes(case, f"{line.journal} {line.number}", line.body)

    case.containers.append(read_container(item.path, about, on_line))


def take_unknown(case: Case, item: Item) -> None:
    """Take a file of no kind of ours: the data of a record, or nothing that can be verified. Raises `OSError`."""
    about = case.about(item)
    if case.ledger.records and _is_data(case, item, about):
        return
    if item.is_beside:
        about.remark("not_a_proof")
    else:
        about.could_not("file.kind", "kind_unknown")


def _is_data(case: Case, item: Item, about: Subject) -> bool:
    found, last = _measured(item, case.ledger.algorithms)
    if prove_data(case, about.target, found):
        return True
    if last != b"\n" or item.path.stat().st_size > PIECE:
        return False
    # A line of a journal is proven without the line feed that a container has behind it.
    content = item.path.read_bytes()[:-1]
    return prove_data(case, about.target, digests_of(content, case.ledger.algorithms)) > 0


def _measured(item: Item, algorithms: set[str]) -> tuple[dict[str, bytes], bytes]:
    last = b""

    def keep(content: bytes) -> None:
        nonlocal last
        last = content[-1:]

    with item.path.open("rb") as file:
        found = Measured(file, algorithms).to_the_end(keep)
    return found, last
