"""Acts from ACTES messages: the Acte that was sent for control of legality, and the ARActe that came back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from lxml import etree

from chartrier_client.language import Text
from chartrier_client.municipal.acts import Act, paper_in
from chartrier_client.municipal.fields import day_fault, day_of
from chartrier_client.municipal.refusal import FlowError

NAMESPACE = "http://www.interieur.gouv.fr/ACTES#v1.1-20040216"
_ACTES = f"{{{NAMESPACE}}}"
# A matter has five levels at most, each an element with its number in its name.
_LEVELS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the préfecture's ARActe says: which act it is about, its identifier, and the day it came in."""

    identifier: str
    received: date | None


def act_in_message(message: Path) -> Act:
    """Read an Acte; the files it names are beside it. Raises `FlowError`."""
    root = _root(message, "Acte")
    written = _attribute(root, "Date")
    day = day_of(written)
    if day is None:
        raise FlowError(message.name, [fault for fault in [day_fault("Date", written)] if fault])
    names = [name.text or "" for name in root.iterfind(f"{_ACTES}Annexes/{_ACTES}Annexe/{_ACTES}NomFichier")]
    return Act(
        day=day,
        number=_attribute(root, "NumeroInterne"),
        nature=_attribute(root, "CodeNatureActe"),
        matter=".".join(_matter(root)),
        subject=" ".join((root.findtext(f"{_ACTES}Objet") or "").split()),
        document=paper_in(message.parent, (root.findtext(f"{_ACTES}Document/{_ACTES}NomFichier") or "").strip()),
        annexes=tuple(paper_in(message.parent, name.strip()) for name in names),
    )


def receipt_in_message(message: Path) -> Receipt:
    """Read an ARActe. Raises `FlowError`."""
    root = _root(message, "ARActe")
    identifier = _attribute(root, "IDActe")
    if not identifier:
        raise FlowError(message.name, [Text("IDActe manque", "IDActe is missing")])
    return Receipt(identifier, day_of(_attribute(root, "DateReception")))


def received(act: Act, receipt: Receipt) -> Act:
    """Return the act with its receipt."""
    return replace(act, receipt=receipt.identifier)


def _root(message: Path, name: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        document = etree.parse(message, parser)
    except etree.XMLSyntaxError as error:
        unread = Text(f"ce n'est pas du XML bien formé : {error}", f"not well-formed XML: {error}")
        raise FlowError(message.name, [unread]) from error
    root = document.getroot()
    found = etree.QName(root).text
    if document.docinfo.doctype:
        declared = Text("un message ACTES n'a pas de DOCTYPE", "an ACTES message has no DOCTYPE")
        raise FlowError(message.name, [declared])
    if found != _ACTES + name:
        other = Text(f"la racine est {found}, et non {name} d'ACTES", f"the root is {found}, not {name} of ACTES")
        raise FlowError(message.name, [other])
    return root


def _attribute(element: etree._Element, name: str) -> str:
    # In the namespace by the schema; some senders leave it out.
    return (element.get(_ACTES + name) or element.get(name) or "").strip()


def _matter(root: etree._Element) -> Iterator[str]:
    for level in _LEVELS:
        element = root.find(f"{_ACTES}CodeMatiere{level}")
        if element is None:
            return
        yield _attribute(element, "CodeMatiere")
