"""The rules that a signature may break, in French and in English; names between braces are details of the fault."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from services.ingest.domain.signatures import Fault, SignatureResult

RULES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "unreadable": (
            "la signature ne se lit pas ({what})",
            "the signature cannot be read ({what})",
        ),
        "too_large": (
            "le fichier ({size} octets) dépasse la taille jusqu’à laquelle une signature est vérifiée ({limit})",
            "the file ({size} bytes) is larger than those whose signatures are validated ({limit})",
        ),
        "too_many": (
            "plus de {limit} {what}",
            "more than {limit} {what}",
        ),
        "unsupported": (
            "« {what} » n’est pas traité ici",
            "“{what}” is not handled here",
        ),
        "digest": (
            "ce qui a été signé n’est pas ce qui est là : l’empreinte de {what} diffère",
            "what was signed is not what is there: the digest of {what} differs",
        ),
        "value": (
            "la valeur de la signature ne se vérifie pas avec la clé du certificat",
            "the value of the signature does not verify with the key of the certificate",
        ),
        "ambiguous": (
            "l’identifiant « {what} » est porté par plusieurs éléments",
            "the identifier “{what}” is borne by several elements",
        ),
        "not_found": (
            "ce qui est signé, « {what} », n’est pas là",
            "what is signed, “{what}”, is not there",
        ),
        "covers_nothing": (
            "la signature ne couvre rien du document",
            "the signature covers nothing of the document",
        ),
        "message_part": (
            "la signature ne couvre pas le bordereau entier",
            "the signature does not cover all of the manifest",
        ),
        "covers_unclear": (
            "la signature d’un PDF doit couvrir le fichier, ou un état antérieur entier",
            "the signature of a PDF must cover the file, or an earlier state of it as a whole",
        ),
        "added": (
            "quelque chose y a été ajouté après la dernière",
            "something was added to it after the last one",
        ),
        "parts_unsigned": (
            "{count} éléments sur {total} n’en portent pas qui se vérifie ({what})",
            "{count} elements of {total} bear none that verifies ({what})",
        ),
        "rest_unsigned": (
            "elles n’en couvrent que des parties",
            "they cover but parts of it",
        ),
        "unbound": (
            "rien de ce qui est signé ne dit par quel certificat (aucun attribut signé)",
            "nothing that is signed says by which certificate (no signed attributes)",
        ),
        "no_certificate": (
            "la signature ne contient pas le certificat du signataire",
            "the signature does not hold the certificate of its signer",
        ),
        "other_certificate": (
            "le certificat désigné par la signature n’est pas celui qu’elle contient",
            "the certificate that the signature names is not the one it holds",
        ),
        "no_anchors": (
            "cette archive n’a pas d’autorités de confiance pour les signatures",
            "this archive has no trust anchors for signatures",
        ),
        "no_chain": (
            "aucune chaîne ne mène de « {certificate} » à une autorité de confiance",
            "no chain leads from “{certificate}” to a trust anchor",
        ),
        "chain": (
            "la chaîne de « {certificate} » ne se vérifie pas ({what})",
            "the chain of “{certificate}” does not validate ({what})",
        ),
        "key_usage": (
            "le certificat « {certificate} » n’est pas fait pour cet usage",
            "the certificate “{certificate}” is not made for this use",
        ),
        "expired": (
            "le certificat « {certificate} » a expiré le {date}, avant le {moment}",
            "the certificate “{certificate}” expired on {date}, before {moment}",
        ),
        "not_yet_valid": (
            "le certificat « {certificate} » ne vaut que depuis le {date}, après le {moment}",
            "the certificate “{certificate}” is valid only since {date}, after {moment}",
        ),
        "revoked": (
            "le certificat « {certificate} » est révoqué depuis le {date}, avant le {moment}",
            "the certificate “{certificate}” is revoked since {date}, before {moment}",
        ),
        "revoked_since": (
            "le certificat « {certificate} » est révoqué depuis le {date} ; rien ne prouve une signature antérieure",
            "the certificate “{certificate}” is revoked since {date}; nothing proves that the signature is earlier",
        ),
        "revocation_unknown": (
            "« {certificate} » ou sa chaîne était-il révoqué au {moment} ? Ni liste (CRL) ni réponse (OCSP) connue",
            "was “{certificate}” or its chain revoked at {moment}? No list (CRL) or answer (OCSP) is known",
        ),
        "future": (
            "la signature se dit faite le {moment}, dans l’avenir",
            "the signature says it was made at {moment}, in the future",
        ),
        "weak": (
            "l’algorithme {what} ne prouve plus rien",
            "the algorithm {what} proves nothing any more",
        ),
        "imprint": (
            "l’horodatage est celui d’une autre signature",
            "the time-stamp is that of another signature",
        ),
    }
)


def rule_text(fault: Fault, language: str, rules: Mapping[str, tuple[str, str]] = RULES) -> str:
    """Return the broken rule in French (``fr``) or English; by its key where it is unknown here."""
    known = rules.get(fault.rule)
    if known is None:
        return fault.rule
    return known[0 if language == "fr" else 1].format_map(_Forgiving(fault.details))


def rules_of(results: Iterable[SignatureResult]) -> dict[str, tuple[str, str]]:
    """Return the texts of the rules that these signatures and their time-stamps break."""
    faults = (fault for each in results for fault in (each.fault, each.time_stamp_fault) if fault is not None)
    return {rule: RULES[rule] for rule in sorted({fault.rule for fault in faults} & RULES.keys())}


class _Forgiving(dict[str, str]):
    """Details in which a missing one shows as an ellipsis."""

    def __missing__(self, _: str) -> str:
        return "…"
