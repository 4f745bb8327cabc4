"""Write a small PES v2 accounting flow: the XML that town halls send to their public accountant.

Values are attributes named V, the encoding is ISO-8859-1, as the protocol has it.
"""

from dataclasses import dataclass
from datetime import date
from io import BytesIO

from lxml import etree

NAMESPACE = "http://www.minefi.gouv.fr/cp/helios/pes_v2/Rev0/aller"
# Debit orders of ordinary type, in the protocol's codes.
ORDINARY_BORDEREAU = "01"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment order: who is paid, for what, how much."""

    number: int
    supplier: str
    subject: str
    account: str
    amount: str


@dataclass(frozen=True, slots=True)
class Revenue:
    """One revenue order: who owes, for what, how much."""

    number: int
    debtor: str
    subject: str
    account: str
    amount: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One bordereau of payment orders of a municipality's main budget, and one of revenue orders where there are."""

    siret: str
    accountant_post: str
    municipality: str
    date: date
    number: int
    payments: tuple[Payment, ...]
    revenues: tuple[Revenue, ...] = ()

    @property
    def name(self) -> str:
        """The name the flow bears inside and outside."""
        return f"PESALR2_{self.siret}_{self.date:%y%m%d}_{self.number:03d}"


def write_pes(flow: Flow) -> bytes:
    """Return the flow as an ISO-8859-1 document: a function of `flow` alone."""
    root = etree.Element(f"{{{NAMESPACE}}}PES_Aller", nsmap={"n": NAMESPACE})
    _values(_child(root, "Enveloppe", "Parametres"), Version="2", TypFic="PESALR2", NomFic=flow.name)
    _values(
        _child(root, "EnTetePES"),
        DteStr=flow.date.isoformat(),
        IdPost=flow.accountant_post,
        IdColl=flow.siret,
        CodCol="042",
        CodBud="00",
        LibelleColBud=flow.municipality,
    )
    expenses = _child(root, "PES_DepenseAller")
    _values(_child(expenses, "EnTeteDepense"), IdVer="2", InfoDematerialisee="0")
    bordereau = _bordereau(expenses, flow, len(flow.payments))
    for payment in flow.payments:
        _piece(bordereau, payment)
    if flow.revenues:
        revenues = _child(root, "PES_RecetteAller")
        _values(_child(revenues, "EnTeteRecette"), IdVer="2", InfoDematerialisee="0")
        bordereau = _bordereau(revenues, flow, len(flow.revenues))
        for revenue in flow.revenues:
            _revenue_piece(bordereau, revenue)
    return _latin_1(root)


def write_acknowledgement(flow: Flow, received: date) -> bytes:
    """Return what the accountant's side answers to a flow it has taken (PES_ACQUIT); it bears the flow's name."""
    root = etree.Element("PES_ACQUIT")
    _values(_child(root, "Enveloppe", "Parametres"), Version="2", TypFic="PESACQUIT", NomFic=flow.name)
    _values(_child(root, "EnTetePES"), DteStr=received.isoformat(), IdPost=flow.accountant_post, IdColl=flow.siret)
    _values(_child(root, "ACQUIT", "ElementACQUIT"), EtatAck="1")
    return _latin_1(root)


def _latin_1(root: etree._Element) -> bytes:
    etree.indent(root)
    out = BytesIO()
    etree.ElementTree(root).write(out, encoding="ISO-8859-1", xml_declaration=True)
    return out.getvalue()


def _bordereau(domain: etree._Element, flow: Flow, pieces: int) -> etree._Element:
    bordereau = _child(domain, "Bordereau")
    _values(
        _child(bordereau, "BlocBordereau"),
        Exer=str(flow.date.year),
        IdBord=str(flow.number),
        TypBord=ORDINARY_BORDEREAU,
        DteBordEm=flow.date.isoformat(),
        NbrPce=str(pieces),
    )
    return bordereau


def _piece(bordereau: etree._Element, payment: Payment) -> None:
    piece = _child(bordereau, "Piece")
    information = _child(piece, "BlocPiece", "InfoPce")
    _values(information, IdPce=str(payment.number), TypPce="01", NatPce="01", ObjPce=payment.subject)
    _line(piece, payment.account, payment.amount, payment.supplier)


def _revenue_piece(bordereau: etree._Element, revenue: Revenue) -> None:
    # Unlike those of payment orders, these stand right below BlocPiece.
    piece = _child(bordereau, "Piece")
    _values(_child(piece, "BlocPiece"), IdPce=str(revenue.number), TypPce="01", NatPce="01", ObjPce=revenue.subject)
    _line(piece, revenue.account, revenue.amount, revenue.debtor)


def _line(piece: etree._Element, account: str, amount: str, name: str) -> None:
    line = _child(piece, "LigneDePiece")
    _values(
        _child(line, "BlocLignePiece", "InfoLignePce"),
        IdLigne="1",
        Nature=account,
        Majo="0",
        MtHT=amount,
    )
    _values(_child(line, "Tiers", "InfoTiers"), NatIdTiers="01", CatTiers="50", Nom=name)


def _child(parent: etree._Element, *path: str) -> etree._Element:
    for name in path:
        parent = etree.SubElement(parent, name)
    return parent


def _values(parent: etree._Element, **values: str) -> None:
    for name, value in values.items():
        etree.SubElement(parent, name, V=value)
