"""What to do about findings on electronic signatures."""

from typing import Final

from services.ingest.domain.mend import Mend

_STATUS: Final = "ETSI EN 319 102-1, 5.1.3"
_MESSAGE: Final = "SEDA 2.x, ArchiveTransfer/Signature; XML Signature 1.1"

SIGNATURE_MENDS: Final[dict[str, Mend]] = {
    "SIGNATURE_INVALID": Mend(
        "Versez le fichier tel qu’il a été signé, octet pour octet ; s’il n’existe plus ainsi, ou si le certificat "
        "ne valait pas ce jour-là, convenez de la suite avec le service d’archives.",
        "Deposit the file as it was signed, byte for byte; where it no longer exists so, or the certificate was not "
        "good on that day, agree with the archives on what follows.",
        _STATUS,
    ),
    "SIGNATURE_INDETERMINATE": Mend(
        "Voyez avec le service d’archives : l’autorité du signataire ou ses listes de révocation lui "
        "manquent peut-être. À l’avenir, signez avec les preuves dans la signature (niveaux B-LT, B-LTA).",
        "See the archives: they may lack the authority of the signer or its revocation lists. From now "
        "on, sign with the evidence inside of the signature (levels B-LT, B-LTA).",
        _STATUS,
    ),
    "SIGNATURE_PARTIAL": Mend(
        "Versez le fichier tel qu’il était après sa dernière signature, ou assurez-vous que l’ajout était voulu ; "
        "d’un flux XML, signez chaque bordereau, ou l’ensemble.",
        "Deposit the file as it was after its last signature, or make sure that the addition was meant; of an XML "
        "flow, sign each bordereau, or all of it.",
        "ISO 32000-2, 12.8.1; XML Signature 1.1, 4.4.3",
    ),
    "SIGNATURE_MISSING": Mend(
        "Versez le document signé, ou joignez sa signature détachée, à côté de lui : acte.pdf.p7s pour acte.pdf.",
        "Deposit the signed document, or add its detached signature beside it: act.pdf.p7s for act.pdf.",
    ),
    "SIGNATURE_MESSAGE_INVALID": Mend(
        "Signez le bordereau en dernier, entier (URI vide, transformation enveloped-signature), et ne le changez "
        "plus.",
        "Sign the manifest last, as a whole (empty URI, enveloped-signature transform), and change it no more.",
        _MESSAGE,
    ),
    "SIGNATURE_MESSAGE_INDETERMINATE": Mend(
        "Voyez avec le service d’archives : l’autorité du signataire ou ses listes de révocation lui "
        "manquent peut-être.",
        "See the archives: they may lack the authority of the signer or its revocation lists.",
        _MESSAGE,
    ),
    "SIGNATURE_MESSAGE_MISSING": Mend(
        "Signez le bordereau : une signature XML enveloppée, dans son élément Signature.",
        "Sign the manifest: an enveloped XML signature, in its element Signature.",
        _MESSAGE,
    ),
}
