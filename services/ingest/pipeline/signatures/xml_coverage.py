"""What the signatures of an XML file, taken together, leave unsigned.

A digest leaves signatures out: its own, or all of them. What stands in one that is left out is signed by nobody, so
it has to be nothing but a signature: a ds:Object in it may hold anything, a second document included.
"""

from typing import Final

from lxml import etree

from services.ingest.domain.signatures import Fault, SubIndication
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.signatures.xml_document import DS, SIGNATURE, XmlDocument
from services.ingest.pipeline.signatures.xml_references import A_LOOK, Covered, shown

XADES: Final = "http://uri.etsi.org/01903/v"
_OBJECT: Final = f"{DS}Object"
_OF_SIGNATURES: Final = frozenset({f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo", _OBJECT})
_FLOW: Final = "PES_"
_PART: Final = "{*}Bordereau"
_MOST_NAMED: Final = 10


class Coverage:
    """The parts of a file that have to be signed, less those that one signature after the other covers.

    Of a PES these are its bordereaux: it is signed as a whole or one by one, and then nobody signs its envelope. Of
    signatures that stand alone, they are what these hold; of any other document, all of it.
    """

    def __init__(self, document: XmlDocument) -> None:
        self._document = document
        self._foreign: dict[etree._Element, list[etree._Element]] = {}
        root = document.root
        self._flow = list(root.iter(_PART)) if etree.QName(root).localname.startswith(_FLOW) else []
        others = any(each.tag != SIGNATURE for each in root.iterchildren(etree.Element))
        alone = root.tag == SIGNATURE or not (others or _has_words(root))
        held = [each for signature in root.iter(SIGNATURE) for each in self._foreign_in(signature)] if alone else []
        self._left = dict.fromkeys(self._flow or (held if alone else [root]))
        self._tags = {str(each.tag) for each in self._left}
        self._signed = False

    def is_all_of(self, covered: Covered, of: list[Covered]) -> bool:
        """Say whether a reference covers all of its element: what it leaves out holds but signatures.

        `of` are all that the signature covers: what one reference leaves out, another may cover. Raises `Broken`
        where the document has been looked at too often.
        """
        left_out = [foreign for signature in covered.without for foreign in self._foreign_in(signature)]
        self._document.spend(len(left_out) * len(of) * A_LOOK)
        others = [(each.element, frozenset(each.without)) for each in of if each.element is not None]
        return all(_is_covered(each, others) for each in left_out)

    def take(self, covered: list[Covered]) -> None:
        """Note what one signature covers, its own properties left out."""
        for each in covered:
            if each.element is None:
                continue
            self._signed = True
            if self._left and self.is_all_of(each, covered):
                self._strike(each.element, frozenset(each.without))

    def left(self) -> Fault | None:
        """Return what is wrong with all of them together; None where nothing is left, or none covers any part."""
        if not self._left or not self._signed:
            return None
        if not self._flow:
            return Fault(SubIndication.SIG_CONSTRAINTS_FAILURE, "rest_unsigned")
        names = [shown(each, self._document) for each in self._left]
        told = ", ".join(names[:_MOST_NAMED]) + ("…" if len(names) > _MOST_NAMED else "")
        count, total = str(len(names)), str(len(self._flow))
        return Fault(
            SubIndication.SIG_CONSTRAINTS_FAILURE,
            "parts_unsigned",
            {"count": count, "total": total, "what": printable(told)},
        )

    def _strike(self, element: etree._Element, without: frozenset[etree._Element]) -> None:
        for part in element.iter(*self._tags):
            if without.isdisjoint(part.iterancestors(SIGNATURE)):
                self._left.pop(part, None)

    def _foreign_in(self, signature: etree._Element) -> list[etree._Element]:
        if signature not in self._foreign:
            self._foreign[signature] = _foreign(signature)
        return self._foreign[signature]


def _is_covered(element: etree._Element, by: list[tuple[etree._Element, frozenset[etree._Element]]]) -> bool:
    """Say whether one of these elements holds it, in nothing that is left out there."""
    place = {element, *element.iterancestors()}
    return any(each in place and without.isdisjoint(place) for each, without in by)


def _foreign(signature: etree._Element) -> list[etree._Element]:
    """Return what stands in a signature, and is no part of one (XML Signature 1.1 §4)."""
    if _has_words(signature):
        return [signature]
    found = []
    for each in signature.iterchildren(etree.Element):
        if each.tag not in _OF_SIGNATURES:
            found.append(each)
        elif each.tag == _OBJECT:
            inner = [one for one in each.iterchildren(etree.Element) if not _is_property(one)]
            found += [each] if _has_words(each) else inner
    return found


def _has_words(element: etree._Element) -> bool:
    return any((text or "").strip() for text in (element.text, *(each.tail for each in element)))


def _is_property(element: etree._Element) -> bool:
    return element.tag == f"{DS}SignatureProperties" or (etree.QName(element).namespace or "").startswith(XADES)
