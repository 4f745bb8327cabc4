"""Whether an evidence record proves its data: every time-stamp at the time of the next one, the last one now.

RFC 4998, sections 4.3 and 5.3. Not the last token alone: what an earlier one says must have been true when it was
renewed, or there was nothing to renew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.paths import Moments, judge_end
from chartrier_client.verifying.records import EvidenceRecord, Proven, Stamp
from chartrier_client.verifying.stampers import judge_token
from chartrier_client.verifying.trees import climb, digest, group_value
from chartrier_client.verifying.trust import Grounds


@dataclass(frozen=True, slots=True)
class _Place:
    """A time-stamp in its record: which chain and which one of it, and what it renews."""

    chain: int
    number: int
    stamp: Stamp
    before: Stamp | None
    record: EvidenceRecord
    until: datetime
    chain_until: datetime
    is_last: bool
    chain_is_last: bool


def judge_record(record: EvidenceRecord, proven: Proven | None, grounds: Grounds, about: Subject) -> None:
    """Check a record, and that it proves its data; where there is none, all but that."""
    places = list(_places(record, grounds.at))
    _in_order(record, about)
    for place in places:
        here = about.report.about(f"{about.target} · {place.chain + 1}.{place.number + 1}")
        _judge_hashing(place, grounds, here)
        if _links(place, proven, here):
            judge_token(
                place.stamp.token,
                Moments(place.stamp.token.at, place.until, renewed=not place.is_last),
                grounds,
                here,
            )
    if proven is None:
        about.could_not("record.data", "no_data")


def _places(record: EvidenceRecord, at: datetime) -> Iterator[_Place]:
    flat = [(number, place) for number, chain in enumerate(record.chains) for place in range(len(chain))]
    for index, (chain, number) in enumerate(flat):
        stamp, is_last = record.chains[chain][number], index == len(flat) - 1
        last_chain = chain == len(record.chains) - 1
        following = None if is_last else record.chains[flat[index + 1][0]][flat[index + 1][1]]
        yield _Place(
            chain=chain,
            number=number,
            stamp=stamp,
            before=record.chains[chain][number - 1] if number else None,
            record=record,
            until=at if following is None else following.token.at,
            chain_until=at if last_chain else record.chains[chain + 1][0].token.at,
            is_last=is_last,
            chain_is_last=last_chain,
        )


def _in_order(record: EvidenceRecord, about: Subject) -> None:
    times = [stamp.token.at for chain in record.chains for stamp in chain]
    shown = " < ".join(each.isoformat() for each in times)
    if times == sorted(times):
        about.ok("record.order", shown)
    else:
        about.failed("record.order", "not_in_order", shown)


def _judge_hashing(place: _Place, grounds: Grounds, about: Subject) -> None:
    """The algorithm of a chain must have held until a new chain was begun with another."""
    algorithm, token = place.stamp.algorithm, place.stamp.token
    if algorithm != token.algorithm:
        about.failed("record.algorithm", "differs", token.algorithm, expected=algorithm)
    if place.before is not None and place.before.algorithm != algorithm:
        about.failed("record.algorithm", "differs", algorithm, expected=place.before.algorithm)
    if not grounds.algorithms.knows(algorithm):
        about.could_not("algorithm", "algorithm_unknown", algorithm)
        return
    moments = Moments(token.at, place.chain_until, renewed=not place.chain_is_last)
    judge_end(grounds.algorithms.digest_ends(algorithm), algorithm, moments, grounds, about)


def _links(place: _Place, proven: Proven | None, about: Subject) -> bool:
    """Check what a token stamps: its tree, and in it what it was to stamp; False where its token proves nothing."""
    try:
        first = _first_list(place, proven)
        path = place.stamp.path or ((tuple(first),) if first else ())
        root = climb(path, place.stamp.algorithm)
    except ValueError:
        # An algorithm that this machine has not got.
        about.could_not("token.imprint", "algorithm_unknown", place.stamp.algorithm)
        return False
    if place.stamp.path and first is not None:
        _judge_group(place, proven, first, about)
    elif first is None and place.number == 0 and place.chain:
        about.could_not("record.data", "no_data")
    if root is None:
        about.could_not("token.imprint", "no_data", place.stamp.token.imprint.hex())
        return True
    return about.same("token.imprint", place.stamp.token.imprint.hex(), root.hex())


def _first_list(place: _Place, proven: Proven | None) -> tuple[bytes, ...] | None:
    """Return the digests that a time-stamp was to stamp: of the token before, or of the data; None: not at hand."""
    algorithm = place.stamp.algorithm
    if place.before is not None:
        return (digest(place.before.token.der, algorithm),)
    parts = _parts(place, proven)
    return tuple(parts.values()) if parts else None


def _parts(place: _Place, proven: Proven | None) -> Mapping[str, bytes]:
    """Return the digests of the data as they stand in the first list of a chain, by the name of each part."""
    parts = {} if proven is None else proven.of(place.stamp.algorithm)
    if not place.chain:
        return parts
    sequence = place.record.sequence_digest(place.chain, place.stamp.algorithm) if parts else b""
    return {name: digest(part + sequence, place.stamp.algorithm) for name, part in parts.items()}


def _judge_group(place: _Place, proven: Proven | None, first: tuple[bytes, ...], about: Subject) -> None:
    listed = set(place.stamp.path[0])
    if place.before is not None:
        if first[0] in listed:
            about.ok("record.renewal", first[0].hex())
        else:
            about.failed("record.renewal", "not_renewed", first[0].hex())
        return
    parts = _parts(place, proven)
    outside = sorted(name for name, part in parts.items() if part not in listed)
    found = len(listed & set(parts.values()))
    counted = f"{found}/{len(listed)}"
    if outside:
        _outside(proven, outside, counted, about)
    elif set(parts.values()) == listed:
        about.ok("record.group_complete", f"{counted} {group_value(listed, place.stamp.algorithm).hex()}")
    else:
        about.ok("record.group_partial", counted)
        about.remark("group_partial", found=found, members=len(listed))


def _outside(proven: Proven | None, outside: list[str], counted: str, about: Subject) -> None:
    """Name the parts that a record does not prove; those of a package written anew are for its own record."""
    shown = ", ".join(outside[:10]) + ("…" if len(outside) > 10 else "")
    if proven is None or proven.strict:
        about.failed("record.group_complete", "not_in_group", counted, names=shown)
    else:
        about.could_not("record.group_partial", "not_in_group", counted, names=shown)
