"""Each file is the one the depositor sealed: its digest, in the depositor's own algorithm, is right."""

from collections import Counter
from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import DataObject, ObjectKind
from services.ingest.pipeline.digest_algorithms import WEAK, algorithm_named, digest_hex
from services.ingest.pipeline.sip import Sip


def check_digests(sip: Sip) -> Iterator[Finding]:
    """Report absent, unreadable and wrong digests; weak algorithms are accepted and told once."""
    weak: Counter[str] = Counter()
    for each in sip.manifest.objects:
        if each.kind is ObjectKind.BINARY and not each.inline:
            yield from _faults(sip, each)
            weak[algorithm_named(each.algorithm or "") or ""] += 1
    for algorithm in sorted(WEAK & weak.keys()):
        yield found("OBJECT_DIGEST_WEAK", sip.manifest_name, algorithm=algorithm, count=str(weak[algorithm]))


def _faults(sip: Sip, each: DataObject) -> list[Finding]:
    place = sip.place(each)
    if not each.digest:
        return [found("OBJECT_DIGEST_MISSING", place)]
    algorithm = algorithm_named(each.algorithm or "")
    if algorithm is None:
        return [found("OBJECT_DIGEST_ALGORITHM", place, algorithm=(each.algorithm or "")[:80])]
    declared = digest_hex(each.digest, algorithm)
    if declared is None:
        return [found("OBJECT_DIGEST_UNREADABLE", place, algorithm=algorithm)]
    return _mismatch(sip, each, algorithm, declared)


def _mismatch(sip: Sip, each: DataObject, algorithm: str, declared: str) -> list[Finding]:
    file = sip.file_of(each)
    measured = None if file is None else file.digests.get(algorithm)
    if measured is None or measured == declared:
        return []
    return [
        found(
            "OBJECT_DIGEST_MISMATCH",
            f"{sip.place(each)} {each.uri}",
            algorithm=algorithm,
            declared=declared,
            measured=measured,
        )
    ]
