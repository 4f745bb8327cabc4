"""Verify proofs: whatever is given is recognised, judged alone, then together with the rest."""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from chartrier_client.verifying.algorithms import Algorithms, known_algorithms
from chartrier_client.verifying.checks import Malformed, Report
from chartrier_client.verifying.contents import take_aip, take_dip
from chartrier_client.verifying.links import link
from chartrier_client.verifying.pdfs import judge_pdf
from chartrier_client.verifying.recognising import Item, Kind, kind_of, looks_like_proof, read_signature
from chartrier_client.verifying.stages import (
    Case,
    judge_renewals,
    take_anchor,
    take_container,
    take_receipt,
    take_record,
    take_renewal,
    take_seal,
    take_unknown,
)
from chartrier_client.verifying.tokens import NONSENSE
from chartrier_client.verifying.trust import Grounds, TrustError, read_trust

__all__ = ["Asked", "TrustError", "verify"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to verify, and on which grounds: files and folders, evidence for them, roots, and the moment."""

    paths: Sequence[Path]
    at: datetime
    trust: Sequence[Path] = ()
    evidence: Sequence[Path] = ()
    algorithms: Algorithms | None = None


def verify(asked: Asked) -> Report:
    """Verify everything together, and say what was checked, what was not, and why.

    Nothing is written, unpacked or fetched. Raises `OSError` for what cannot be read, `TrustError` for roots that are
    none; never for what is in a file.
    """
    roots, crls = read_trust(asked.trust)
    grounds = Grounds(asked.at, asked.algorithms or known_algorithms(), tuple(roots), tuple(crls))
    case = Case(Report(), grounds, in_folder=any(path.is_dir() for path in asked.paths))
    items = sorted(_items(asked), key=lambda item: (item.kind, str(item.path)))
    renewals_known = bisect_right(items, Kind.RENEWAL, key=lambda item: item.kind)
    for item in items[:renewals_known]:
        _take(case, item)
    judge_renewals(case)
    for item in items[renewals_known:]:
        _take(case, item)
    link(case)
    return case.report


def _items(asked: Asked) -> Iterator[Item]:
    for path in asked.evidence:
        yield Item(path, Kind.RECORD, is_evidence=True)
    for path in asked.paths:
        if not path.is_dir():
            yield Item(path, kind_of(path))
            continue
        for inside in _files(path):
            yield Item(inside, kind_of(inside), is_beside=not looks_like_proof(inside))


def _files(folder: Path) -> Iterator[Path]:
    """Give the files below a folder; links are not followed, they may lead anywhere."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _take(case: Case, item: Item) -> None:
    what, take = _STAGES[item.kind]
    try:
        take(case, item)
    except Malformed as fault:
        case.about(item).malformed(what, fault)
    except NONSENSE as error:
        # What nobody foresaw proves neither one nor the other; it is never passed over.
        case.about(item).could_not(what, "unforeseen", type(error).__name__)


def _take_pdf(case: Case, item: Item) -> None:
    judge_pdf(item.path, case.grounds, case.about(item))


def _take_broken(case: Case, item: Item) -> None:
    jws = read_signature(item.path)
    if isinstance(jws, Malformed):
        raise jws
    del case


_STAGES: Final[dict[Kind, tuple[str, Callable[[Case, Item], object]]]] = {
    Kind.RECORD: ("record", take_record),
    Kind.RENEWAL: ("seal", take_renewal),
    Kind.SEAL: ("seal", take_seal),
    Kind.ANCHOR: ("jws", take_anchor),
    Kind.RECEIPT: ("jws", take_receipt),
    Kind.CONTAINER: ("journal.lines", take_container),
    Kind.AIP: ("package.files", take_aip),
    Kind.DIP: ("package.files", take_dip),
    Kind.PDF: ("pdf.signature", _take_pdf),
    Kind.BROKEN_SIGNATURE: ("jws", _take_broken),
    Kind.UNKNOWN: ("file.kind", take_unknown),
}
