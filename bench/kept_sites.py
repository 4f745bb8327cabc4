"""What an archive has left on a site, made without running one: AIPs, records and containers of journal lines.

By the code that makes them in the rooms, with identifiers from a seed: two sites of one seed have the same bytes.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import NAMESPACE_URL, UUID, uuid5

import rfc8785

from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.sip import ContainerFormat, Header, Inventory, Manifest, Unit
from services.ingest.pipeline.aip.builder import AipSummary, build_aip
from services.proof.domain.containers import row
from services.proof.domain.line import FixedLine, Head, Origin, fix, journal_name
from services.storage.domain.keys import aip_key, journal_key, record_key
from shared.checksums import sha512_of
from shared.messages.admin import AgreementPublishedV1, AgreementV1, OrganisationChangedV1, ProfileReferenceV1
from shared.messages.journal import JournalKind, JournalLineV1
from shared.messages.message import Message
from shared.messages.storage import AipPurgedV1
from shared.messaging.chain import ZERO_DIGEST, batch_digest

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SITES = ("a", "b")
CONTAINER_LINES = 5_000


@dataclass(frozen=True, slots=True)
class Described:
    """A SIP of descriptions alone."""

    manifest: bytes = b"<ArchiveTransfer/>"

    def open_manifest(self) -> AbstractContextManager[BinaryIO]:
        """Open the manifest."""
        return io.BytesIO(self.manifest)

    def files(self) -> Iterator[tuple[str, int, BinaryIO]]:
        """Yield nothing."""
        return iter(())


@dataclass(slots=True)
class KeptSite:
    """Grows as an archive would, in memory; `write_to` puts it in a folder.

    `lines_each` is how many lines a container has at most.
    """

    seed: str = "rebuild"
    lines_each: int = CONTAINER_LINES
    objects: dict[str, bytes] = field(default_factory=dict)
    journals: dict[tuple[JournalKind, UUID | None], list[FixedLine]] = field(default_factory=dict)
    put: Callable[[str, bytes], str] | None = None
    """Puts an object on site a as it comes, and returns the version that the site gave it."""
    _batches: dict[str, tuple[int, str]] = field(default_factory=dict)
    _closed: dict[str, tuple[int, int]] = field(default_factory=dict)
    _aips: int = 0

    def id(self, name: str) -> UUID:
        """Return the identifier that goes by a name."""
        return uuid5(NAMESPACE_URL, f"{self.seed}:{name}")

    @property
    def name(self) -> str:
        """Return the establishment's identifier."""
        return f"BOURG-{self.seed}"

    @property
    def establishment(self) -> UUID:
        """Return whose archives these are."""
        return self.id("establishment")

    def found(self, *profiles: ProfileReferenceV1) -> None:
        """Make the establishment and its agreement, which lists these profiles."""
        town, agreement = self.establishment, self.id("agreement")
        changed = OrganisationChangedV1(
            message_id=self.id("organisation message"),
            occurred_at=NOON,
            organisation=town,
            version=1,
            kind="establishment",
            identifier=self.name,
            name="Bourg",
        )
        self._record(changed, "organisation", town)
        terms = AgreementV1(
            id=agreement,
            version=1,
            identifier=f"ACCORD-{self.name}",
            name="Accord",
            establishment=town,
            establishment_identifier=self.name,
            state="active",
            match_header="record",
            unknown_rules="warn",
            usages="lenient",
            decision="automatic",
            profiles=profiles,
        )
        told = AgreementPublishedV1(message_id=self.id("agreement message"), occurred_at=NOON, agreement=terms)
        self._record(told, "agreement", agreement)
        about = f"agreement:{agreement}"
        self.say("admin", _line("events", "agreement.published", town, about, version=1, state="active"))

    def _record(self, message: Message, kind: str, record_id: UUID) -> None:
        key = record_key(self.establishment, kind, record_id, 1)
        body = rfc8785.dumps({"topic": message.topic, "fact": message.model_dump(mode="json")})
        self._keep(key, body, f"record:{record_id}", 1)

    def deposit(self, units: int = 1) -> UUID:
        """Have a transfer of so many units accepted; return its AIP."""
        self._aips += 1
        plan = self._plan(self._aips)
        content, summary = _built(plan, units)
        transfer, about = plan.transfer_id, f"transfer:{plan.transfer_id}"
        sip: dict[str, str | int] = {"sha512": plan.sip_sha512, "size": plan.sip_size}
        agreed: dict[str, str | int] = {"agreement": str(self.id("agreement")), "agreement_version": 1}
        received = _line("archives", "transfer.received", self.establishment, about, **sip, **agreed)
        self.say("ingest", _of(transfer, received))
        key = aip_key(self.establishment, plan.aip_id, 1)
        self._keep(key, content, f"aip:{plan.aip_id}", 1)
        self._catalogued(plan, summary)
        details: dict[str, str | int] = {"sip_sha512": plan.sip_sha512, "sip_size": plan.sip_size, **agreed}
        accepted = _line("archives", "transfer.accepted", self.establishment, about, **details)
        self.say("ingest", _of(transfer, accepted))
        return plan.aip_id

    def begin(self) -> str:
        """Have a transfer received whose AIP one site has given back, the other being away; return its key."""
        self._aips += 1
        plan = self._plan(self._aips)
        content, _ = _built(plan, 1)
        details: dict[str, str | int] = {"sha512": plan.sip_sha512, "size": plan.sip_size, "agreement_version": 1}
        about, agreement = f"transfer:{plan.transfer_id}", str(self.id("agreement"))
        received = _line("archives", "transfer.received", self.establishment, about, **details, agreement=agreement)
        self.say("ingest", _of(plan.transfer_id, received))
        key = aip_key(self.establishment, plan.aip_id, 1)
        self.objects[key] = content
        named = (f"aip:{plan.aip_id}", 1, self.establishment)
        self.say("storage", _written(key, content, (SITES[0], ""), named))
        return key

    def purge(self, aip_id: UUID, how: str = "copy.deleted") -> None:
        """Have an AIP purged on order, whole; it was the last that was deposited. `how` is said of each copy."""
        key = aip_key(self.establishment, aip_id, 1)
        content = self.objects.pop(key)
        written = [_written(key, content, (site, ""), (f"aip:{aip_id}", 1, self.establishment)) for site in SITES]
        self.say("storage", *(line.model_copy(update={"action": how}) for line in written))
        order = self.id(f"order {aip_id}")
        purged = AipPurgedV1(
            message_id=order,
            occurred_at=NOON,
            order_id=order,
            establishment=self.establishment,
            aip_id=aip_id,
            transfer_id=self.id(f"transfer {self._aips}"),
            version=None,
            units=(),
            copies=2,
            size=len(content),
            list_sha512=ZERO_DIGEST,
            visa_sha512=ZERO_DIGEST,
            purged_at=NOON,
        )
        self._record(purged, "purge", order)

    def _catalogued(self, plan: BuildPlan, summary: AipSummary) -> None:
        details: dict[str, str | int] = {
            "version": 1,
            "units": summary.units,
            "objects": summary.objects,
            "catalogue_sha512": summary.catalogue_sha512,
        }
        line = _line("archives", "aip.catalogued", self.establishment, f"aip:{plan.aip_id}", **details)
        self.say("data_management", _of(plan.transfer_id, line))

    def _plan(self, number: int) -> BuildPlan:
        return BuildPlan(
            aip_id=self.id(f"aip {number}"),
            transfer_id=self.id(f"transfer {number}"),
            establishment=self.establishment,
            agreement_identifier=f"ACCORD-{self.name}",
            agreement_version=1,
            received_at="2026-11-23T12:00:00.000Z",
            planned_at="2026-11-23T12:00:01.000Z",
            sip_sha512=sha512_of(f"{self.seed} sip {number}".encode()),
            sip_size=1000 + number,
            depositor="client:kept",
            software={"chartrier": "0"},
        )

    def _keep(self, key: str, content: bytes, about: str, version: int) -> None:
        self.store(key, content, (about, version, self.establishment))

    def store(self, key: str, content: bytes, named: tuple[str, int, UUID | None]) -> None:
        """Put an object on both sites, told of in the write log; `named`: what it is, its version, its owner."""
        self.objects[key] = content
        version_id = "" if self.put is None else self.put(key, content)
        versions = zip(SITES, (version_id, ""), strict=True)
        self.say("storage", *(_written(key, content, (site, known), named) for site, known in versions))

    def say(self, sender: str, *lines: JournalLineV1) -> None:
        """Have a sender tell lines in one batch, and the journals keep them."""
        number, previous = self._batches.get(sender, (0, ZERO_DIGEST))
        digest = batch_digest(sender, number + 1, previous, lines)
        self._batches[sender] = (number + 1, digest)
        for index, line in enumerate(lines):
            kept = self.journals.setdefault((line.kind, line.establishment), [])
            head = Head(kept[-1].number, kept[-1].sha512) if kept else Head()
            kept.append(fix(line, Origin(sender, number + 1, digest), index, head, NOON))

    def close(self) -> None:
        """Have what is new of the journals leave in containers; last the write log that tells of the others."""
        names = sorted(self.journals, key=lambda one: (one == ("writes", None), str(one)))
        for kind, owner in [one for one in names if one != ("writes", None)] + [("writes", None)]:
            self._close(kind, owner)

    def _close(self, kind: JournalKind, owner: UUID | None) -> None:
        lines, name = list(self.journals.get((kind, owner), ())), journal_name(kind, owner)
        number, closed = self._closed.get(name, (0, 0))
        for begins in range(closed, len(lines), self.lines_each):
            some = lines[begins : begins + self.lines_each]
            number += 1
            key = journal_key(owner, kind, some[0].number, some[-1].number)
            content = b"".join(row(line.body) for line in some)
            self.store(key, content, (f"journal:{name}", number, None))
        self._closed[name] = (number, len(lines))

    def write_to(self, folder: Path) -> None:
        """Write everything into the folder of a site."""
        for key, content in self.objects.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _line(
    kind: JournalKind, action: str, establishment: UUID | None, about: str, **details: str | int
) -> JournalLineV1:
    return JournalLineV1(
        kind=kind,
        action=action,
        actor="client:kept",
        object=about,
        establishment=establishment,
        occurred_at=NOON,
        details=details,
    )


def _of(transfer: UUID, line: JournalLineV1) -> JournalLineV1:
    return line.model_copy(update={"transfer_id": transfer})


def _written(key: str, content: bytes, place: tuple[str, str], named: tuple[str, int, UUID | None]) -> JournalLineV1:
    about, version, establishment = named
    site, version_id = place
    details: Mapping[str, str | int] = {
        "site": site,
        "key": key,
        "version": version,
        "version_id": version_id,
        "sha512": sha512_of(content),
        "size": len(content),
    }
    return _line("writes", "copy.written", establishment, about, **details)


def _built(plan: BuildPlan, units: int) -> tuple[bytes, AipSummary]:
    out = io.BytesIO()
    inventory = Inventory(ContainerFormat.ZIP, "manifest.xml", "", ())
    summary = build_aip(Described(), inventory, _manifest(plan, units), plan, out)
    return out.getvalue(), summary


def _manifest(plan: BuildPlan, units: int) -> Manifest:
    """Return a root and the other units below it."""
    below = tuple(f"U{number}" for number in range(1, units))
    header = Header("2.1", f"message {plan.aip_id}", "2026-11-23", "ACCORD", "ARCHIVES", "BOURG")
    all_units = (_unit("U0", below), *(_unit(one, ()) for one in below))
    return Manifest(header, (), {}, all_units, ("U0",), (), (), ())


def _unit(name: str, children: tuple[str, ...]) -> Unit:
    title = f"Délibération du conseil municipal, pièce {name}"
    content = json.dumps({"DescriptionLevel": "File", "Title": [title]}, ensure_ascii=False, separators=(",", ":"))
    return Unit(name, 1, "File", title, None, "2026-01-01", "2026-01-31", children, (), (), content)
