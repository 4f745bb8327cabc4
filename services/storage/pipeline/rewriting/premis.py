"""PREMIS of the new version: what went keeps identifier, digests and size; two events tell of the purge.

PREMIS 3.0, http://www.loc.gov/premis/v3; event types are terms of the Library of Congress list "preservation event
type". The documents that were written anew are objects of their own, by the digests they had: with them, what is left
stays proven by the evidence of the version before.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID, uuid5
from xml.sax.saxutils import escape

from services.storage.domain.rewriting import RewritePlan
from services.storage.pipeline.rewriting.layout import Listed
from services.storage.pipeline.rewriting.scope import Scope
from services.storage.pipeline.rewriting.splicing import Splicer

_AGENT: Final = "chartrier"
_NO_FORMAT: Final = b"<format><formatDesignation><formatName>purged</formatName></formatDesignation></format>"
_XSI: Final = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
# What XML cannot hold was written as U+FFFD.
_FORBIDDEN: Final = re.compile(r"[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A line of the manifest, perhaps with an XML identifier (`services/ingest/domain/findings.py:Finding`).
_IN_MANIFEST: Final = re.compile(r"(?:container|manifest\.xml(?::\d+)?)(?: (\S+))?")


class PremisEditor:
    """Takes names out of the objects that go, and places out of the findings that may name them."""

    def __init__(self, scope: Scope, plan: RewritePlan, before: Iterable[Listed]) -> None:
        """`before`: the documents that are written anew, as they were."""
        self._scope = scope
        self._plan = plan
        self._before = tuple(before)
        self._kept = {_FORBIDDEN.sub("\ufffd", name) for name in scope.kept_names}
        self._goes = False
        self.found: set[str] = set()
        self._news: dict[str, Iterator[str]] = {"event": self._objects(), "agent": self._events()}

    def start(self, splicer: Splicer, name: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 - the port's
        """Write what is new before the first event and the first agent; cut out names."""
        local = name.rpartition(" ")[2]
        for part in self._news.pop(local, ()):
            splicer.insert(part.encode())
        if local in {"objectIdentifierValue", "eventOutcomeDetailNote"}:
            splicer.hold()
        elif self._goes and local in {"originalName", "format"}:
            splicer.cut()

    def end(self, splicer: Splicer, name: str) -> None:
        """Judge an object by its identifier, a note by its place."""
        local = name.rpartition(" ")[2]
        if local == "objectIdentifierValue":
            identifier = splicer.release()
            self._goes = identifier in self._scope.objects
            if self._goes:
                self.found.add(identifier)
        elif local == "eventOutcomeDetailNote":
            code, _, place = splicer.release().partition(" ")
            if not self._may_tell(place):
                splicer.replace_held(_element(local, f"{code} (place purged)").encode())
        elif self._goes and local in {"originalName", "format"}:
            if local == "format":
                splicer.write(_NO_FORMAT)
            splicer.mend()

    def _may_tell(self, place: str) -> bool:
        """Say whether a place is certainly none of what went: a path or identifier that is left, or none at all."""
        where = _IN_MANIFEST.fullmatch(place)
        return place in self._kept or (where is not None and (where[1] is None or where[1] in self._kept))

    def _objects(self) -> Iterator[str]:
        for document in self._before:
            yield (
                f'<object {_XSI} xsi:type="file">'
                + _identifier("object", self._id_before(document))
                + "<objectCharacteristics><compositionLevel>0</compositionLevel><fixity>"
                + _element("messageDigestAlgorithm", "SHA-512")
                + _element("messageDigest", document.sha512.hex())
                + _element("messageDigestOriginator", _AGENT)
                + f"</fixity><size>{document.size}</size><format><formatDesignation>"
                + _element("formatName", "not kept, written anew")
                + "</formatDesignation></format></objectCharacteristics>"
                + _element("originalName", f"{document.name} of version {self._plan.version - 1}")
                + "</object>"
            )

    def _id_before(self, document: Listed) -> UUID:
        return uuid5(self._plan.aip_id, f"member:{self._plan.version - 1}:{document.name}")

    def _events(self) -> Iterator[str]:
        plan, counts = self._plan, (len(self._scope.units), len(self._scope.objects))
        authority = (
            f"order {plan.order_id} of {plan.ordered_at}; list SHA-512 {plan.list_sha512};"
            f" visa SHA-512 {plan.visa_sha512}; Chartrier {plan.software}"
        )
        yield from self._event("deletion", f"{counts[0]} units and {counts[1]} objects purged; {authority}")
        # Sorted: a set has another order in every process.
        yield from (_linked(identifier) for identifier in sorted(self._scope.objects))
        yield "</event>"
        yield from self._event("redaction", f"their descriptions and names taken out of all documents; {authority}")
        yield from (_linked(str(self._id_before(document))) for document in self._before)
        yield "</event>"

    def _event(self, kind: str, detail: str) -> Iterator[str]:
        yield (
            "<event>"
            + _identifier("event", uuid5(self._plan.aip_id, f"event:{kind}:{self._plan.order_id}"))
            + _element("eventType", kind)
            + _element("eventDateTime", self._plan.planned_at)
            + f"<eventDetailInformation>{_element('eventDetail', detail)}</eventDetailInformation>"
            + f"<eventOutcomeInformation>{_element('eventOutcome', 'success')}</eventOutcomeInformation>"
            + _identifier("linkingAgent", _AGENT, "name", _element("linkingAgentRole", "executing program"))
            + _linked(str(self._plan.aip_id))
        )


def _linked(identifier: str) -> str:
    return _identifier("linkingObject", identifier)


def _identifier(kind: str, value: object, scheme: str = "UUID", more: str = "") -> str:
    name = f"{kind}Identifier"
    return f"<{name}>{_element(f'{name}Type', scheme)}{_element(f'{name}Value', str(value))}{more}</{name}>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
