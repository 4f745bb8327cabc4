"""Write docs/journal-acts.md from the register."""

from collections.abc import Iterator
from typing import Final

from services.acts_catalogue.register import Act, register

_INTRODUCTION: Final = """\
# The register of acts

Every line that a room, or an operator's command, may write in a journal ([format](journal-format.md)), and no
other. Each is written in the transaction of what it tells of, by way of the outbox: the one is never without the
other. Where nothing else is written (something is read, or refused), the line is committed before the answer leaves.

A line says who (`actor`), when (`occurred_at`, by the room's clock; `recorded_at`, by proof's), what (`action`), to
what (`object`), how it ended (`outcome`), and the `details` that are named here. It holds identifiers, digests,
counts, moments and words of ours; never a title, a name, an address, a file name or words that somebody has typed.
Who an identifier is of, the room knows that keeps it, for as long as it may: a line survives what it tells of.

| actor | who |
|---|---|
| `client:<uuid>` | a client of the archive, by its token |
| `room:<name>` | a room, of itself |
| `operator:…` | an operator's command |
| `anonymous` | whoever shows no token that holds |
| `others` | more askers in a minute than are told apart |

## Which reads are consultations

NF Z42-013 and article R55-4 of the French postal code want consultations on record, and attempts. We read them so:

* **A line before the answer leaves**: bytes of a file, a package or an AIP (`content.communicated`, `aip.read`); a
  description, and each page of a search (`unit.described`, `catalogue.searched`); an acknowledgement or a reply
  (`reply.communicated`); lines of a journal and its verification (`journal.read`, `journal.verified`). Those of one
  moment share a transaction, so that a search hardly waits.
* **No line**: health and metrics; where a transfer, a DIP or an upload stands, and lists of them (whoever waits asks
  every few seconds); the report of findings, which says what the transfer says; where copies lie, and heads of
  journals (numbers and digests); settings of the archive, for those who may change them; what one room asks another
  in its own name, for work that has its lines. A page of a journal without lines is none either: whoever follows a
  journal would never come to its end.
* **What was searched for** may be somebody's name. A line has an HMAC-SHA-256 of the words, under a key derived from
  the rooms' secret: with the key and a word one can tell whether it was searched for; from the line alone nobody can.
  Once that secret is changed, nobody can of older lines.
* **Refused attempts** have a line each where it is known what was asked for (`content.refused`, `unit.refused`…), in
  the platform's journal where the caller has no dealings with the establishment. All other refusals (401, 403, 404)
  are `access.refused`: the first at once, then one line a minute with a count, so that a flood fills no journal.
  A process that is killed loses its count of the last minute. A refusal for the rate of requests (429) has none.

This page is made from `services/acts_catalogue/entries.toml` by `make acts`; tests hold it to the code: every action
that the source writes is here, and every line that the tests have rooms write is as it says.

## The acts
"""


def document() -> str:
    """Return docs/journal-acts.md."""
    rows = (_row(act) for act in register().values())
    return "\n".join([_INTRODUCTION, *_heading(), *rows, ""])


def _heading() -> Iterator[str]:
    yield "| action | journal | by | when | details | asked for by | test |"
    yield "|---|---|---|---|---|---|---|"


def _row(act: Act) -> str:
    outcome = f" (`{act.outcome}`)" if act.outcome else ""
    details = ", ".join(f"`{name}`" for name in sorted(act.details)) or "none"
    cells = (
        f"`{act.action}`{outcome}",
        ", ".join(act.kinds),
        ", ".join(act.by),
        act.when,
        details,
        act.source,
        f"`{act.shown}`",
    )
    return f"| {' | '.join(cells)} |"
