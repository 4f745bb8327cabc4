"""What to do about findings on data objects, their files and formats."""

from typing import Final

from services.ingest.domain.mend import Mend

_URI = "SEDA 2.x, BinaryDataObject/Uri"
_DIGEST = "SEDA 2.x, BinaryDataObject/MessageDigest"
_USAGE = "SEDA 2.x, DataObjectVersion"

OBJECT_MENDS: Final[dict[str, Mend]] = {
    "OBJECT_URI_EMPTY": Mend(
        "Écrivez dans Uri le chemin du fichier dans le paquet (par exemple Content/acte.pdf).",
        "Write in Uri the path of the file in the package (Content/act.pdf, say).",
        _URI,
    ),
    "OBJECT_INLINE": Mend(
        "Mettez le fichier dans le paquet et remplacez Attachment par Uri, avec son chemin.",
        "Put the file into the package and replace Attachment by Uri, with its path.",
        _URI,
    ),
    "OBJECT_FILE_MISSING": Mend(
        "Ajoutez le fichier « {uri} » au paquet, ou corrigez Uri : c’est son chemin depuis le dossier de "
        "manifest.xml, "
        "majuscules et extension comprises.",
        "Add the file “{uri}” to the package, or put Uri right: it is the path from the folder of manifest.xml, "
        "capitals and extension included.",
        _URI,
    ),
    "OBJECT_FILE_SHARED": Mend(
        "Décrivez le fichier par un seul objet, que plusieurs unités peuvent désigner ; ou corrigez l’un des deux "
        "Uri.",
        "Describe the file by one data object, at which several units may point; or put one of the two Uris right.",
        _URI,
    ),
    "OBJECT_FILE_UNCLAIMED": Mend(
        "Si un objet l’annonce sous un autre nom (voyez les constats OBJECT_FILE_MISSING), corrigez son Uri. Sinon, "
        "décrivez le fichier par un BinaryDataObject, ou retirez-le du paquet, comme ceux que les systèmes ajoutent "
        ": "
        "Thumbs.db, .DS_Store, __MACOSX.",
        "If a data object announces it under another name (see the findings OBJECT_FILE_MISSING), put its Uri right. "
        "Otherwise describe the file by a BinaryDataObject, or take it out of the package, like those that systems "
        "add: Thumbs.db, .DS_Store, __MACOSX.",
        _URI,
    ),
    "OBJECT_FILE_COPY": Mend(
        "Rien à faire, si ce fichier est bien un double de « {original} » ; sinon, décrivez-le par un "
        "BinaryDataObject.",
        "Nothing to do, if this file is indeed a copy of “{original}”; otherwise describe it by a BinaryDataObject.",
        _URI,
    ),
    "OBJECT_DIGEST_MISSING": Mend(
        "Ajoutez à l’objet MessageDigest, avec son algorithme : l’empreinte calculée à l’export prouve que rien n’a "
        "changé depuis.",
        "Add MessageDigest to the data object, with its algorithm: the digest computed at export proves that nothing "
        "has changed since.",
        _DIGEST,
    ),
    "OBJECT_DIGEST_ALGORITHM": Mend(
        "Calculez l’empreinte en SHA-512 (ou SHA-256) et nommez cet algorithme dans l’attribut algorithm.",
        "Compute the digest in SHA-512 (or SHA-256) and name that algorithm in the attribute algorithm.",
        _DIGEST,
    ),
    "OBJECT_DIGEST_UNREADABLE": Mend(
        "Écrivez l’empreinte {algorithm} entière, en hexadécimal, sans autre caractère ; ou corrigez l’algorithme.",
        "Write the whole {algorithm} digest, in hexadecimal, with no other character; or put the algorithm right.",
        _DIGEST,
    ),
    "OBJECT_DIGEST_MISMATCH": Mend(
        "Le fichier n’est pas celui qui a été décrit : reprenez le fichier d’origine et refaites le paquet. Si c’est "
        "le fichier déposé qui est le bon, refaites le bordereau avec son empreinte.",
        "The file is not the one that was described: take the original file and make the package again. If the file "
        "sent is the right one, make the manifest again with its digest.",
        _DIGEST,
    ),
    "OBJECT_DIGEST_WEAK": Mend(
        "Rien d’urgent : réglez votre logiciel sur SHA-512 (ou SHA-256) dès que possible.",
        "Nothing urgent: set your software to SHA-512 (or SHA-256) when you can.",
        "RGS v2.0, annexe B1",
    ),
    "OBJECT_SIZE_MISMATCH": Mend(
        "Si l’empreinte de ce fichier est la bonne (aucun constat OBJECT_DIGEST_MISMATCH), corrigez Size dans le "
        "logiciel qui produit le bordereau ; sinon, le fichier est un autre que celui décrit.",
        "If the digest of this file is right (no finding OBJECT_DIGEST_MISMATCH), put Size right in the software "
        "that makes the manifest; otherwise the file is another than the one described.",
        "SEDA 2.x, BinaryDataObject/Size",
    ),
    "OBJECT_EMPTY": Mend(
        "Vérifiez dans votre logiciel que ce fichier devait être vide ; sinon, déposez-le de nouveau.",
        "Check in your software that this file was meant to be empty; otherwise, deposit it again.",
    ),
    "OBJECT_USAGE": Mend(
        "Corrigez DataObjectVersion : BinaryMaster pour l’original numérique, PhysicalMaster pour un original "
        "papier.",
        "Put DataObjectVersion right: BinaryMaster for the digital original, PhysicalMaster for one on paper.",
        _USAGE,
    ),
    "OBJECT_USAGE_KIND": Mend(
        "PhysicalMaster va à un PhysicalDataObject, les autres usages à un BinaryDataObject : corrigez l’un ou "
        "l’autre.",
        "PhysicalMaster goes with a PhysicalDataObject, other usages with a BinaryDataObject: put either right.",
        _USAGE,
    ),
    "OBJECT_USAGE_REPEATED": Mend(
        "Numérotez les versions (BinaryMaster_1, BinaryMaster_2), ou mettez les objets dans des groupes différents.",
        "Number the versions (BinaryMaster_1, BinaryMaster_2), or put the data objects into different groups.",
        _USAGE,
    ),
    "OBJECT_MASTER_MISSING": Mend(
        "Ajoutez l’original au groupe, ou donnez l’usage BinaryMaster_1 (PhysicalMaster_1 sur papier) à l’objet qui "
        "en tient lieu.",
        "Add the master to the group, or give the usage BinaryMaster_1 (PhysicalMaster_1 on paper) to the data "
        "object that stands for it.",
        _USAGE,
    ),
    "OBJECT_PHYSICAL_ID_EMPTY": Mend(
        "Écrivez dans PhysicalId la cote ou le numéro par lequel l’original se retrouve sur son rayonnage.",
        "Write in PhysicalId the reference or number by which the original is found on its shelf.",
        "SEDA 2.x, PhysicalDataObject/PhysicalId",
    ),
    "FORMAT_UNIDENTIFIED": Mend(
        "Vérifiez que le fichier s’ouvre et porte la bonne extension ; s’il est d’un format rare, préférez-lui un "
        "format durable (PDF/A, par exemple).",
        "Check that the file opens and bears the right extension; if its format is rare, prefer a lasting one "
        "(PDF/A, say).",
        "PRONOM",
    ),
    "FORMAT_DAMAGED": Mend(
        "Ouvrez le fichier d’origine (document bureautique, ZIP…) : s’il s’ouvre, refaites le paquet depuis lui, "
        "et cherchez où la copie s’est arrêtée ; sinon, reprenez-le d’une sauvegarde.",
        "Open the original file (an office document, a ZIP…): if it opens, make the package again from it, and look "
        "for where the copying stopped; else take it from a backup.",
        "PRONOM, x-fmt/263, fmt/111",
    ),
    "FORMAT_MISMATCH": Mend(
        "Corrigez FormatId ({identified}) dans le logiciel qui produit le bordereau, ou l’extension du fichier si "
        "elle "
        "est trompeuse.",
        "Put FormatId right ({identified}) in the software that makes the manifest, or the extension of the file if "
        "it misleads.",
        "PRONOM",
    ),
    "FORMAT_NOT_ALLOWED": Mend(
        "Convertissez le fichier dans un format que l’accord permet, ou demandez au service d’archives d’y ajouter "
        "celui-ci ({identified}).",
        "Convert the file to a format that the agreement allows, or ask the archives to add this one ({identified}).",
    ),
    "FORMAT_ENCRYPTED": Mend(
        "Ôtez le mot de passe ou le chiffrement dans le logiciel qui l’a mis, recalculez l’empreinte et la taille, "
        "puis déposez à nouveau : personne ne pourrait ouvrir le fichier dans vingt ans.",
        "Take off the password or the encryption in the program that put it, compute digest and size again, and "
        "deposit anew: nobody could open the file in twenty years.",
    ),
    "FORMAT_PROTECTED": Mend(
        "Ouvrez le fichier, ôtez sa protection, recalculez l’empreinte et la taille : un PDF/A n’en a jamais.",
        "Open the file, take off its protection, compute digest and size again: a PDF/A never has any.",
        "ISO 19005-1, 6.1.3",
    ),
    "FORMAT_ARCHIVE": Mend(
        "Rien n’est exigé ; mieux vaut déposer les fichiers un à un, chacun avec son objet.",
        "Nothing is asked for; it is better to deposit its files one by one, each with its data object.",
    ),
    "FORMAT_ARCHIVE_UNSEEN": Mend(
        "Assurez-vous qu’aucun de ses fichiers n’est protégé par un mot de passe ; mieux vaut les déposer un à un.",
        "Make sure that none of its files is protected by a password; it is better to deposit them one by one.",
    ),
    "FORMAT_ARCHIVE_TOO_DEEP": Mend(
        "Décompressez les archives intérieures et déposez leurs fichiers.",
        "Unpack the inner archives and deposit their files.",
    ),
}
