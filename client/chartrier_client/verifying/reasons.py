"""Why a check did not end well, and what else there is to know, in the two languages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chartrier_client.language import Text

REASONS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "algorithm_ended": Text(
            "n'est plus une preuve depuis le {end}, et rien de ce qui est là ne l'a renouvelé",
            "proves nothing since {end}, and nothing that is here renewed it",
        ),
        "algorithm_refused": Text("ne prouve rien", "proves nothing"),
        "algorithm_unknown": Text("algorithme inconnu de ce programme", "this program does not know the algorithm"),
        "attributes_wrong": Text("attributs signés absents ou doubles", "signed attributes absent or twice"),
        "begins_later": Text("ce qui précède n'est pas là", "what comes before is not here"),
        "changed_since": Text(
            "le document a été changé après la signature", "the document was changed after signing"
        ),
        "container": Text("le paquet ne se lit pas : {finding}", "the package cannot be read: {finding}"),
        "container_empty": Text("aucune ligne", "no line"),
        "content_changed": Text("ce que le jeton dit a été changé", "what the token says was changed"),
        "differs": Text("ce n'est pas la valeur attendue : {expected}", "not what was expected: {expected}"),
        "digest_unknown": Text("empreinte inconnue : {algorithm}", "unknown digest: {algorithm}"),
        "doctype": Text("METS porte une DTD", "METS bears a DTD"),
        "ended_since": Text(
            "le certificat de {certificate} est échu, et rien de ce qui est là n'a renouvelé la preuve avant",
            "the certificate of {certificate} has ended, and nothing that is here renewed the proof before",
        ),
        "extension_unknown": Text(
            "une extension critique du certificat de {certificate} n'est pas connue",
            "a critical extension of the certificate of {certificate} is not known",
        ),
        "extensions_unreadable": Text(
            "les extensions du certificat de {certificate} ne se lisent pas",
            "the extensions of the certificate of {certificate} cannot be read",
        ),
        "field_missing": Text("il manque le champ {field}", "the field {field} is missing"),
        "field_unknown": Text("le champ {field} n'existe pas", "there is no field {field}"),
        "field_wrong": Text("le champ {field} n'a pas la forme voulue", "the field {field} has not the right form"),
        "file_changed": Text("le fichier a été changé : {found}", "the file was changed: {found}"),
        "file_missing": Text("le fichier manque", "the file is missing"),
        "file_size": Text("{found} octets au lieu de {expected}", "{found} bytes instead of {expected}"),
        "file_twice": Text("le fichier est deux fois dans le paquet", "the file is in the package twice"),
        "file_unlisted": Text("aucune liste ne nomme ce fichier", "no list names this file"),
        "group_wrong": Text(
            "les empreintes ne donnent pas la feuille {leaf}", "the digests do not give the leaf {leaf}"
        ),
        "jws_header": Text("en-tête JWS inattendu", "unexpected JWS header"),
        "jws_unreadable": Text("ce n'est pas un JWS", "this is no JWS"),
        "kind_unknown": Text(
            "rien de connu, ou trop abîmé pour être reconnu", "nothing known, or too damaged to be recognised"
        ),
        "line_is_another": Text(
            "la ligne qui est là a pour empreinte {found}", "the line here has the digest {found}"
        ),
        "line_misplaced": Text("{found} au lieu de {expected}", "{found} instead of {expected}"),
        "line_missing": Text("ligne {found} au lieu de {expected}", "line {found} instead of {expected}"),
        "line_without_end": Text("ligne sans fin, ou trop longue", "a line without end, or too long"),
        "lines_not_here": Text("des lignes, dès la {first}, ne sont pas là", "lines from {first} on are not here"),
        "lines_unproven": Text(
            "aucun scellement, aucune ancre d'ici ne les tient", "no seal and no anchor that is here holds them"
        ),
        "members_left": Text("plus d'empreintes que de groupes", "more digests than groups"),
        "members_missing": Text("moins d'empreintes que de groupes", "fewer digests than groups"),
        "members_order": Text("empreintes en désordre ou doubles ({leaf})", "digests out of order or twice ({leaf})"),
        "mets_fixity": Text("METS ne donne pas le SHA-512 et la taille de {name}", "METS has no SHA-512 of {name}"),
        "mets_twice": Text("METS nomme {name} de deux façons", "METS names {name} in two ways"),
        "mets_unreadable": Text("METS ne se lit pas", "METS cannot be read"),
        "names_another": Text("le scellement {expected} est celui qu'il faut", "it should be seal {expected}"),
        "names_none_before": Text("ne nomme pas le précédent", "does not name the one before"),
        "no_data": Text(
            "les données ne sont pas là : seuls les horodatages sont vérifiés",
            "the data are not here: only the time-stamps are verified",
        ),
        "no_dip": Text("ni dip.json ni manifest-sha512.txt", "neither dip.json nor manifest-sha512.txt"),
        "no_mets": Text("pas de METS.xml", "no METS.xml"),
        "no_revocation_data": Text(
            "aucune liste de révocation ni réponse OCSP pour ce moment", "no CRL and no OCSP response for that moment"
        ),
        "no_root_given": Text("aucune racine de confiance donnée (--trust)", "no trusted root was given (--trust)"),
        "no_time": Text("la signature ne dit pas quand", "the signature does not say when"),
        "not_a_signer": Text("ce certificat ne sert pas à signer", "this certificate is not for signing"),
        "not_a_stamper": Text(
            "ce certificat n'est pas celui d'un horodateur, et de rien d'autre",
            "this certificate is not that of a time-stamper and of nothing else",
        ),
        "not_an_authority": Text(
            "{certificate} ne peut pas en certifier d'autres", "{certificate} may certify nobody"
        ),
        "not_canonical": Text(
            "JSON sous une autre forme que la canonique", "JSON in another form than the canonical"
        ),
        "not_in_force": Text(
            "le certificat de {certificate} n'était pas valable le {at}",
            "the certificate of {certificate} was not in force on {at}",
        ),
        "not_in_group": Text("hors du groupe : {names}", "outside of the group: {names}"),
        "not_in_order": Text("les dates ne se suivent pas", "the times do not follow each other"),
        "not_installed": Text(
            "il manque un paquet : pip install 'chartrier-client[verify]'",
            "a package is missing: pip install 'chartrier-client[verify]'",
        ),
        "not_json": Text("ce n'est pas un objet JSON", "this is no JSON object"),
        "not_renewed": Text("ce n'est pas le jeton précédent qui est renouvelé", "what is renewed is another token"),
        "not_stamped": Text("signature sans horodatage", "a signature without time-stamp"),
        "nothing_proves": Text(
            "rien ici (preuve, reçu, scellement) ne dit qu'il en était ainsi",
            "nothing here (record, receipt, seal) says that it was so",
        ),
        "number_missing": Text("le numéro {expected} manque", "number {expected} is missing"),
        "number_twice": Text("{other} porte le même numéro et dit autre chose", "{other} has the same number"),
        "package_named": Text("METS est celui de {expected}", "METS is that of {expected}"),
        "pdf_unreadable": Text("le PDF ne se lit pas", "the PDF cannot be read"),
        "pdf_unsigned": Text("le PDF n'est pas signé", "the PDF is not signed"),
        "previous_mismatch": Text(
            "la ligne {number} ne nomme pas l'empreinte de la précédente",
            "line {number} does not name the digest of the one before",
        ),
        "record_algorithms": Text("algorithmes annoncés : {named}", "algorithms announced: {named}"),
        "record_stamps": Text("plus de {limit} horodatages", "more than {limit} time-stamps"),
        "record_unreadable": Text("ce n'est pas un enregistrement RFC 4998", "this is no record of RFC 4998"),
        "renewed_too_late": Text(
            "le certificat de {certificate} était échu quand la preuve a été renouvelée ({until})",
            "the certificate of {certificate} had ended when the proof was renewed ({until})",
        ),
        "renewed_too_late_for_algorithm": Text(
            "n'était plus une preuve dès le {end}, renouvelée le {until} seulement",
            "proved nothing from {end} on, and was renewed on {until} only",
        ),
        "revoked": Text("révoqué le {since}", "revoked on {since}"),
        "root_not_trusted": Text(
            "la chaîne ne mène à aucune des racines données", "the path leads to none of the roots given"
        ),
        "rows_order": Text("lignes en désordre ou doubles : {row}", "rows out of order or twice: {row}"),
        "said_otherwise": Text("{other} dit autre chose", "{other} says otherwise"),
        "signature_algorithm": Text("algorithme de signature : {algorithm}", "signature algorithm: {algorithm}"),
        "signature_wrong": Text("la signature est fausse", "the signature is wrong"),
        "signer_not_named": Text(
            "les attributs signés nomment un autre certificat", "the signed attributes name another certificate"
        ),
        "signer_unknown": Text("le certificat du signataire manque", "the certificate of the signer is missing"),
        "stamped_before": Text("horodaté avant la date annoncée ({at})", "stamped before the time announced ({at})"),
        "stamped_later": Text("postérieur au moment demandé ({at})", "later than the moment asked for ({at})"),
        "tar_cut": Text("le TAR est coupé", "the TAR is cut"),
        "tar_members": Text("«{found}» au lieu de «{expected}»", "«{found}» instead of «{expected}»"),
        "tar_padding": Text("octets hors des fichiers du TAR", "bytes outside of the files of the TAR"),
        "tar_unreadable": Text("ce n'est pas le TAR attendu", "this is not the TAR expected"),
        "token_certificates": Text(
            "plus de {limit} certificats, ou listes", "more than {limit} certificates, or lists"
        ),
        "token_digests": Text("empreintes annoncées inattendues", "unexpected digests announced"),
        "token_extension": Text("extension critique inconnue", "unknown critical extension"),
        "token_is_another": Text("le renouvellement porte sur un autre jeton", "the renewal is of another token"),
        "token_signers": Text("{count} signataires au lieu d'un", "{count} signers instead of one"),
        "token_unreadable": Text("ce n'est pas un jeton RFC 3161", "this is no token of RFC 3161"),
        "too_deep": Text("imbrication de plus de {limit} niveaux", "nested more than {limit} levels deep"),
        "too_large": Text("plus grand que {limit}", "larger than {limit}"),
        "unforeseen": Text(
            "ces octets ont arrêté le vérificateur : merci de nous le dire",
            "these bytes stopped the verifier: tell us",
        ),
    }
)
"""Code of a reason → why, with the facts of the check between braces."""

REMARKS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "begins_later": Text("ce qui précède {number} n'est pas là", "what comes before {number} is not here"),
        "group_partial": Text(
            "{found} des {members} empreintes du groupe sont là : le paquet n'est prouvé qu'en partie",
            "{found} of the {members} digests of the group are here: the package is proven in part",
        ),
        "journal_not_here": Text(
            "le journal {journal} n'est pas là : la ligne {number} n'a pas été relue",
            "the journal {journal} is not here: line {number} was not read",
        ),
        "not_a_proof": Text("ce n'est pas une preuve, laissé de côté", "not a proof, left aside"),
        "not_probative": Text("SANS VALEUR PROBANTE", "SANS VALEUR PROBANTE: without probative value"),
        "receipt_of_another_version": Text(
            "reçu de la version {version}, le paquet est de la version {found}",
            "a receipt for version {version}, the package is of version {found}",
        ),
        "repacked": Text(
            "les fichiers sont ceux du reçu, leur TAR a été refait",
            "the files are those of the receipt, their TAR was made anew",
        ),
        "signers_revocation_unknown": Text(
            "la révocation des certificats du service d'archivage n'est pas examinée : ses signatures n'en disent "
            "rien ; donnez ses listes (PEM) par --trust",
            "whether certificates of the archive were revoked is not examined: its signatures say nothing of it; "
            "give its lists (PEM) with --trust",
        ),
    }
)
"""Code of a remark → what there is to know, with its facts between braces."""
