"""The night's accounting flows: PES_Aller files, each with the accountant's acknowledgement beside it.

`one_each` makes a package a flow, which is what most archives ask for: one that is refused keeps no other back.
`one_a_night` makes a single package of them all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha512
from pathlib import Path

from chartrier_client.description import Keyword, Level, SourceFile, Unit
from chartrier_client.files import sha512_of
from chartrier_client.folders import JUNK
from chartrier_client.language import Text
from chartrier_client.municipal.acknowledgements import refuse_another
from chartrier_client.municipal.fields import french_day
from chartrier_client.municipal.pes import DOMAINS, Bordereau, PesFlow, read_pes
from chartrier_client.municipal.prepared import Parties, PreparedSip
from chartrier_client.municipal.refusal import FlowError, refuse
from chartrier_client.municipal.template import FlowTemplate
from chartrier_client.sip import SipBuilder

XML = "application/xml"
ACKNOWLEDGEMENT = "_ack"
"""What follows a flow's name, before `.xml`, in the name of its acknowledgement."""
# A description is for people: the orders of so many lists are told, the others are counted.
MOST_LISTS_TOLD = 50


@dataclass(frozen=True, slots=True)
class Sending:
    """A flow's file, and the acknowledgement where it has come."""

    flow: Path
    acknowledgement: Path | None = None

    @property
    def is_orphan(self) -> bool:
        """Whether the file is an acknowledgement whose flow is not there."""
        return self.acknowledgement is None and self.flow.stem.lower().endswith(ACKNOWLEDGEMENT)

    def digest(self) -> str:
        """Return a SHA-512, in hexadecimal, of both files: any other bytes are another sending."""
        both = (path for path in (self.flow, self.acknowledgement) if path is not None)
        return sha512("".join(sha512_of(path) for path in both).encode()).hexdigest()


def sendings_in(folder: Path) -> tuple[Sending, ...]:
    """Pair what lies in a folder: `X.xml` is a flow, `X_ack.xml` its acknowledgement, capitals regardless.

    An acknowledgement alone is a sending too, to be told of: `is_orphan`, and refused when it is prepared.
    Raises `FlowError` where two names are one.
    """
    found: dict[str, Path] = {}
    twice: list[Text] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".xml" or JUNK.fullmatch(path.name):
            continue
        first = found.setdefault(path.stem.lower(), path)
        if first != path:
            twice.append(
                Text(
                    f"{first.name} et {path.name} ont le même nom, aux majuscules près : gardez le bon",
                    f"{first.name} and {path.name} have one name, but for its capitals: keep the right one",
                )
            )
    refuse(str(folder), twice)
    paired = {stem + ACKNOWLEDGEMENT for stem in found} & found.keys()
    return tuple(
        Sending(path, found.get(stem + ACKNOWLEDGEMENT)) for stem, path in found.items() if stem not in paired
    )


def one_each(sendings: Iterable[Sending], parties: Parties, template: FlowTemplate) -> Iterator[PreparedSip]:
    """Prepare one package a flow, known by the flow's own name."""
    for sending in sendings:
        flow = _read(sending)
        identifier = f"PES-{flow.siret}-{flow.name}"
        builder = parties.builder(identifier)
        _add_flow(builder, flow, sending, template)
        yield PreparedSip(identifier, builder)


def one_a_night(sendings: Sequence[Sending], night: date, parties: Parties, template: FlowTemplate) -> PreparedSip:
    """Prepare one package of all the flows of a night; raises `FlowError` where they cannot be together."""
    flows = [_read(sending) for sending in sendings]
    _refuse_mixture(sendings, flows)
    identifier = f"PES-{flows[0].siret}-{night.isoformat()}"
    builder = parties.builder(identifier)
    root = builder.add_unit(
        Unit(
            f"Flux comptables PES transmis le {french_day(night)}",
            Level.RECORD_GROUP,
            start_date=min(flow.date for flow in flows),
            end_date=max(flow.date for flow in flows),
        )
    )
    for flow, sending in zip(flows, sendings, strict=True):
        _add_flow(builder, flow, sending, template, root)
    return PreparedSip(identifier, builder)


def _read(sending: Sending) -> PesFlow:
    if sending.is_orphan:
        orphan = Text("cet acquittement est là sans son flux", "this acknowledgement is there without its flow")
        raise FlowError(sending.flow.name, [orphan])
    flow = read_pes(sending.flow)
    if sending.acknowledgement is not None:
        refuse_another(sending.acknowledgement, flow.name)
    return flow


def _refuse_mixture(sendings: Sequence[Sending], flows: Sequence[PesFlow]) -> None:
    if not flows:
        raise FlowError("PES", [Text("aucun flux à verser", "no flow to deposit")])
    seen: dict[str, Sending] = {}
    for flow, sending in zip(flows, sendings, strict=True):
        if flow.siret != flows[0].siret:
            other = Text(
                f"le SIRET {flow.siret} n'est pas celui des autres flux ({flows[0].siret})",
                f"SIRET {flow.siret} is not that of the other flows ({flows[0].siret})",
            )
            raise FlowError(sending.flow.name, [other])
        if flow.name in seen:
            first = seen[flow.name].flow.name
            twice = Text(f"NomFic {flow.name} est déjà celui de {first}", f"{first} has NomFic {flow.name} too")
            raise FlowError(sending.flow.name, [twice])
        seen[flow.name] = sending


def _add_flow(
    builder: SipBuilder, flow: PesFlow, sending: Sending, template: FlowTemplate, parent: str | None = None
) -> None:
    unit = builder.add_unit(_unit(flow, template), parent)
    papers = [("Flux aller", sending.flow), ("Acquittement", sending.acknowledgement)]
    for title, path in papers:
        if path is not None:
            item = builder.add_unit(Unit(f"{title} : {path.name}", Level.ITEM), unit)
            builder.add_file(item, SourceFile(path.name, path, mime=XML))


def _unit(flow: PesFlow, template: FlowTemplate) -> Unit:
    label = flow.budget_label or f"budget {flow.budget_code}"
    return Unit(
        f"Flux comptable PES du {french_day(flow.date)} : {label}",
        Level.FILE,
        description=_description(flow),
        identifier=flow.name,
        document_type="Flux comptable PES",
        start_date=flow.date,
        end_date=flow.date,
        keywords=(Keyword("comptabilité publique", "subject"),),
        rules=(template.rule("accounts", flow.date), template.rule("access", flow.date)),
    )


def _description(flow: PesFlow) -> str:
    domains = ", ".join(DOMAINS[domain] for domain in flow.domains) or "aucun domaine"
    codes = f"SIRET {flow.siret}, poste comptable {flow.accountant_post}"
    codes += f", collectivité {flow.municipality_code}, budget {flow.budget_code}"
    told = [_list_told(each) for each in flow.bordereaux[:MOST_LISTS_TOLD]]
    others = len(flow.bordereaux) - len(told)
    more = [f"et {others} autres bordereaux"] if others else []
    return ". ".join([f"{codes}. Domaines : {domains}", *told, *more]) + "."


def _list_told(bordereau: Bordereau) -> str:
    head = f"{DOMAINS.get(bordereau.domain, bordereau.domain).capitalize()}, exercice {bordereau.fiscal_year}"
    pieces = bordereau.pieces
    if not pieces:
        return f"{head}, bordereau {bordereau.number}"
    told = f"pièce {pieces[0]}" if len(pieces) == 1 else f"{len(pieces)} pièces, {pieces[0]} à {pieces[-1]}"
    return f"{head}, bordereau {bordereau.number} : {told}"
