"""What to do about findings on the manifest: its XML, its identifiers, its header."""

from typing import Final

from services.ingest.domain.mend import Mend

_XML_ID = "XML 1.0, 3.3.1 (ID)"
_XML_IDREF = "XML 1.0, 3.3.1 (IDREF)"

MANIFEST_MENDS: Final[dict[str, Mend]] = {
    "MANIFEST_TOO_LARGE": Mend(
        "Répartissez les unités d’archives en plusieurs versements ; les fichiers vont dans le paquet, pas dans le "
        "bordereau.",
        "Split the archive units into several transfers; files go into the package, not into the manifest.",
    ),
    "MANIFEST_LIMIT": Mend(
        "Répartissez les unités d’archives en plusieurs versements, ou simplifiez leur arbre ; les fichiers vont "
        "dans "
        "le paquet, pas dans le bordereau.",
        "Split the archive units into several transfers, or make their tree simpler; files go into the package, not "
        "into the manifest.",
    ),
    "MANIFEST_ENCODING": Mend(
        'Enregistrez le bordereau en UTF-8, avec encoding="UTF-8" sur sa première ligne.',
        'Save the manifest in UTF-8, with encoding="UTF-8" on its first line.',
        "XML 1.0, 4.3.3",
    ),
    "MANIFEST_DOCTYPE": Mend(
        "Retirez du bordereau la déclaration <!DOCTYPE …> : le SEDA n’en a pas besoin.",
        "Take the <!DOCTYPE …> declaration out of the manifest: SEDA has no need of one.",
    ),
    "MANIFEST_XML": Mend(
        "Corrigez le bordereau à cette ligne, ou mieux le logiciel qui l’a écrit. Un navigateur qui ouvre le fichier "
        "montre l’endroit.",
        "Put the manifest right at this line, or better the software that wrote it. A browser that opens the file "
        "shows the place.",
        "XML 1.0, 2.1",
    ),
    "MANIFEST_VERSION": Mend(
        "Produisez le bordereau dans une version lue ici ({known}) : c’est l’attribut xmlns de son premier élément "
        "qui la dit.",
        "Make the manifest in a version read here ({known}): the xmlns attribute of its first element tells it.",
        "SEDA 2.x, targetNamespace",
    ),
    "MANIFEST_NOT_A_TRANSFER": Mend(
        "Déposez le message de versement (ArchiveTransfer) ; les autres messages du SEDA ne se déposent pas ici.",
        "Send the transfer message (ArchiveTransfer); other messages of SEDA are not sent here.",
        "SEDA 2.x, ArchiveTransfer",
    ),
    "MANIFEST_SCHEMA": Mend(
        "Corrigez ce point dans le logiciel qui a produit le bordereau. Le contenu d’un élément inattendu n’est pas "
        "contrôlé, ni parfois ce qui le suit dans le même parent : d’autres constats peuvent apparaître ensuite.",
        "Put this right in the software that made the manifest. The content of an element that is unexpected is not "
        "checked, nor sometimes is what follows it in the same parent: more findings may appear then.",
        "SEDA 2.x, schema of the version (seda-2.x-main.xsd)",
    ),
    "MANIFEST_TOLERATED": Mend(
        "Rien ne presse : faites corriger le logiciel qui produit le bordereau, un autre accord pourrait refuser.",
        "No hurry: have the software that makes the manifest put right, another agreement might refuse.",
        "SEDA 2.x, schema of the version (seda-2.x-main.xsd)",
    ),
    "MANIFEST_TOLERABLE": Mend(
        "Ôtez {element} de {path}, ou demandez au service d’archives d’ajouter « {tolerance} » à l’accord.",
        "Take {element} out of {path}, or ask the archives to add “{tolerance}” to the agreement.",
        "SEDA 2.x, schema of the version (seda-2.x-main.xsd)",
    ),
    "REFERENCE_DUPLICATE_ID": Mend(
        "Donnez à chaque unité, objet et groupe un identifiant (id) à lui seul dans le bordereau, et suivez-le dans "
        "les références.",
        "Give each unit, object and group an identifier (id) of its own within the manifest, and follow it in the "
        "references.",
        _XML_ID,
    ),
    "REFERENCE_UNKNOWN": Mend(
        "Corrigez la référence « {target} », ou ajoutez au bordereau ce qu’elle désigne.",
        "Put the reference “{target}” right, or add to the manifest what it points at.",
        _XML_IDREF,
    ),
    "REFERENCE_WRONG_KIND": Mend(
        "Faites désigner à {element} l’identifiant d’une chose du genre que son nom dit (unité, objet ou groupe).",
        "Have {element} point at the identifier of a thing of the kind its name says (unit, object or group).",
        "SEDA 2.x, DataObjectReference and ArchiveUnitRefId",
    ),
    "REFERENCE_INTO_GROUP": Mend(
        "Remplacez DataObjectReferenceId par DataObjectGroupReferenceId, avec « {group} ».",
        "Replace DataObjectReferenceId by DataObjectGroupReferenceId, with “{group}”.",
        "SEDA 2.x, DataObjectGroupId",
    ),
    "REFERENCE_CYCLE": Mend(
        "Retirez l’une des références de cette boucle : une unité ne peut être au-dessous d’elle-même.",
        "Take one of the references of this loop out: a unit cannot stand below itself.",
        "SEDA 2.x, ArchiveUnitRefId",
    ),
    "REFERENCE_ORPHAN_GROUP": Mend(
        "Faites désigner « {group} » par l’unité d’archives qu’il documente (DataObjectReference), ou retirez le "
        "groupe et ses fichiers.",
        "Have the archive unit that it documents point at “{group}” (DataObjectReference), or take the group and its "
        "files out.",
    ),
    "REFERENCE_ORPHAN_OBJECT": Mend(
        "Faites désigner « {object} » par l’unité d’archives qu’il documente (DataObjectReference), ou retirez "
        "l’objet et son fichier.",
        "Have the archive unit that it documents point at “{object}” (DataObjectReference), or take the data object "
        "and its file out.",
    ),
    "HEADER_EMPTY": Mend(
        "Remplissez {element} dans le bordereau : c’est un paramètre du logiciel qui verse.",
        "Fill {element} in the manifest: it is a setting of the depositing software.",
        "SEDA 2.x, ArchiveTransfer",
    ),
    "HEADER_TOO_LONG": Mend(
        "Mettez dans {element} un identifiant de {limit} caractères au plus ; le reste va dans les descriptions.",
        "Put into {element} an identifier of {limit} characters at most; the rest goes into descriptions.",
    ),
    "HEADER_AGENCY_MISSING": Mend(
        "Nommez {element} dans le bordereau, si votre logiciel le permet.",
        "Name {element} in the manifest, if your software lets you.",
    ),
    "HEADER_AGREEMENT_MISMATCH": Mend(
        "Écrivez « {expected} » dans ArchivalAgreement, ou déposez au titre de l’accord que nomme le bordereau.",
        "Write “{expected}” in ArchivalAgreement, or deposit under the agreement that the manifest names.",
        "SEDA 2.x, ArchivalAgreement",
    ),
    "HEADER_AGREEMENT_MISSING": Mend(
        "Ajoutez au bordereau, après MessageIdentifier, <ArchivalAgreement>{expected}</ArchivalAgreement>.",
        "Add to the manifest, after MessageIdentifier, <ArchivalAgreement>{expected}</ArchivalAgreement>.",
        "SEDA 2.x, ArchivalAgreement",
    ),
    "HEADER_AGENCY_MISMATCH": Mend(
        "Écrivez « {expected} » dans OriginatingAgencyIdentifier, ou déposez au titre d’un accord de « {found} ».",
        "Write “{expected}” in OriginatingAgencyIdentifier, or deposit under an agreement of “{found}”.",
        "SEDA 2.1 and later, OriginatingAgencyIdentifier",
    ),
    "HEADER_TOO_MANY_UNITS": Mend(
        "Répartissez les {found} unités en plusieurs versements de {limit} au plus, ou demandez au service "
        "d’archives "
        "de relever la limite de l’accord.",
        "Split the {found} units into several transfers of {limit} at most, or ask the archives to raise the limit "
        "of "
        "the agreement.",
    ),
    "HEADER_TOO_MANY_BYTES": Mend(
        "Répartissez les fichiers en plusieurs versements de {limit} octets au plus, ou demandez au service "
        "d’archives de relever la limite de l’accord.",
        "Split the files into several transfers of {limit} bytes at most, or ask the archives to raise the limit of "
        "the agreement.",
    ),
    "HEADER_AGREEMENT_SUSPENDED": Mend(
        "Voyez le service d’archives : le même versement peut être déposé à nouveau quand « {agreement} » est "
        "rouvert, ou au titre d’un autre accord.",
        "See the archives: the same transfer may be deposited again when “{agreement}” is open again, or under "
        "another agreement.",
    ),
    "HEADER_AGREEMENT_DATES": Mend(
        "Déposez au titre d’un accord qui vaut ce jour, ou demandez au service d’archives de prolonger "
        "« {agreement} ».",
        "Deposit under an agreement that is valid on that day, or ask the archives to prolong “{agreement}”.",
    ),
    "HEADER_QUOTA": Mend(
        "Demandez au service d’archives de relever le quota de l’accord, puis déposez le même versement à nouveau ; "
        "un versement de {left} octets au plus tient encore.",
        "Ask the archives to raise the quota of the agreement, then deposit the same transfer again; a transfer of "
        "{left} bytes at most still fits.",
    ),
    "FINDINGS_OMITTED": Mend(
        "Corrigez d’abord les constats « {code} » énumérés : la même cause explique sans doute les autres.",
        "Mend the findings “{code}” that are listed first: the same cause probably explains the others.",
    ),
}
