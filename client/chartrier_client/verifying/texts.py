"""What a report says, in the two languages: of each check, of why it did not end well, of what else to know."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chartrier_client.language import Text
from chartrier_client.verifying.checks import Check, Outcome, Remark, Verdict
from chartrier_client.verifying.reasons import REASONS, REMARKS

CHECKS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "algorithm": Text("algorithme encore sûr", "algorithm still strong"),
        "certificate.path": Text("chaîne de certificats", "certificate path"),
        "certificate.revocation": Text("certificats non révoqués", "certificates not revoked"),
        "certificate.root": Text("racine de confiance", "trusted root"),
        "certificate.validity": Text("certificats en cours de validité, jusqu'au", "certificates in force, until"),
        "chain": Text("chaînage avec le précédent", "chained to the one before"),
        "file.kind": Text("nature du fichier", "kind of file"),
        "file.name": Text("nom du fichier sur un site", "name of the file on a site"),
        "journal.batch": Text("lot de l'émetteur", "batch of the sender"),
        "journal.chain": Text("chaînage du journal", "chaining of the journal"),
        "journal.head": Text("tête du journal", "head of the journal"),
        "journal.line": Text("ligne de journal", "line of a journal"),
        "journal.lines": Text("lignes canoniques, numérotées, chaînées", "lines canonical, numbered, chained"),
        "journal.numbers": Text("numérotation du journal", "numbering of the journal"),
        "journal.proof": Text("lignes scellées ou ancrées", "lines sealed or anchored"),
        "journal.time": Text("date d'enregistrement de la ligne", "time at which the line was recorded"),
        "journal.sealed": Text("lignes sous la racine du scellement", "lines under the root of the seal"),
        "jws": Text("signature JWS", "JWS signature"),
        "jws.signature": Text("signature du service d'archivage", "signature of the archive"),
        "jws.time": Text("date que la signature se donne", "time that the signature gives itself"),
        "jws.typ": Text("type de la signature", "type of the signature"),
        "number": Text("numéro unique", "number used once"),
        "package.files": Text("fichiers du paquet contre leurs empreintes", "files of the package against digests"),
        "package.group": Text("groupe d'empreintes du paquet", "group of digests of the package"),
        "package.proof": Text("preuve du paquet", "proof of the package"),
        "package.sealed": Text("paquet dans le scellement", "package in the seal"),
        "package.written": Text("paquet contre le journal des écritures", "package against the write log"),
        "pdf.coverage": Text("portée de la signature", "what the signature covers"),
        "pdf.signature": Text("signature de l'attestation (PAdES)", "signature of the attestation (PAdES)"),
        "pdf.time": Text("date de la signature", "time of the signature"),
        "receipt.copies": Text("exemplaires relus avant acceptation", "copies read back before acceptance"),
        "receipt.group": Text("paquet contre son reçu", "package against its receipt"),
        "receipt.sealed": Text("reçu contre le scellement", "receipt against the seal"),
        "record": Text("enregistrement de preuve", "evidence record"),
        "record.algorithm": Text("algorithme de l'arbre", "algorithm of the tree"),
        "record.data": Text("données prouvées", "data proven"),
        "record.group_complete": Text("groupe complet", "complete group"),
        "record.group_partial": Text("groupe partiel", "partial group"),
        "record.order": Text("ordre des horodatages", "order of time-stamps"),
        "record.renewal": Text("renouvellement du jeton précédent", "renewal of the token before"),
        "renewal.leaves": Text("feuilles du renouvellement", "leaves of the renewal"),
        "seal": Text("scellement", "seal"),
        "seal.anchor": Text("ancre nommée par le scellement", "anchor that the seal names"),
        "anchor.seal": Text("scellement nommé par l'ancre", "seal that the anchor names"),
        "seal.before": Text("scellements d'un mois, d'un an avant", "seals of a month, a year before"),
        "seal.deposits": Text("versements scellés", "deposits sealed"),
        "seal.heads": Text("têtes des journaux", "heads of journals"),
        "seal.members": Text("empreintes des groupes", "digests of groups"),
        "seal.renewed": Text("jeton renouvelé par", "token renewed by"),
        "seal.signed": Text("ce que la signature désigne", "what the signature names"),
        "token.algorithm": Text("algorithme du jeton", "algorithm of the token"),
        "token.imprint": Text("empreinte horodatée", "digest that is stamped"),
        "token.order": Text("jeton postérieur à ce qu'il date", "token later than what it stamps"),
        "token.signature": Text("signature de l'horodateur", "signature of the time-stamper"),
        "token.time": Text("date du jeton", "time of the token"),
    }
)
"""Code of a check → what is checked, or what was found."""

OUTCOMES: Final[Mapping[Outcome, Text]] = MappingProxyType(
    {
        Outcome.OK: Text("ok", "ok"),
        Outcome.FAILED: Text("ÉCHEC", "FAILED"),
        Outcome.COULD_NOT: Text("non vérifié", "not verified"),
    }
)
VERDICTS: Final[Mapping[Verdict, Text]] = MappingProxyType(
    {
        Verdict.VALID: Text("VALIDE", "VALID"),
        Verdict.INVALID: Text("INVALIDE", "INVALID"),
        Verdict.INDETERMINATE: Text("INDÉTERMINÉ", "INDETERMINATE"),
    }
)


def check_label(check: Check) -> Text:
    """Return what was checked, in words; the code itself where nobody found words."""
    return CHECKS.get(check.what, Text(check.what, check.what))


def reason_said(check: Check | Remark) -> Text:
    """Return why a check did not end well, or what a remark says, in words."""
    code, table = (check.reason, REASONS) if isinstance(check, Check) else (check.code, REMARKS)
    text = table.get(code)
    if text is None:
        return Text(code, code)
    facts = _Facts(check.facts)
    return Text(text.fr.format_map(facts), text.en.format_map(facts))


class _Facts(dict[str, object]):
    """Facts of a sentence; one that is absent leaves a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"
