"""What to do about findings on the container and of the antivirus."""

from typing import Final

from services.ingest.domain.mend import Mend

_ZIP_NAMES = "PKWARE APPNOTE 4.4.17"

CONTAINER_MENDS: Final[dict[str, Mend]] = {
    "CONTAINER_NOT_AN_ARCHIVE": Mend(
        "Déposez le paquet lui-même (ZIP, TAR, TAR.GZ ou TAR.BZ2), qui contient le bordereau manifest.xml et les "
        "fichiers ; ni le bordereau seul, ni un document, ni un 7z ou un RAR.",
        "Send the package itself (ZIP, TAR, TAR.GZ or TAR.BZ2), which holds manifest.xml and the files; neither the "
        "manifest alone, nor a document, nor a 7z or RAR.",
    ),
    "CONTAINER_EMPTY": Mend(
        "Refaites le paquet à partir du dossier qui contient manifest.xml et les fichiers, puis déposez-le de "
        "nouveau.",
        "Make the package again from the folder that holds manifest.xml and the files, and send it again.",
    ),
    "CONTAINER_TRUNCATED": Mend(
        "Comparez la taille de votre paquet à celle qui a été reçue. Si elles diffèrent, l’envoi a été coupé : "
        "déposez-le de nouveau. Si elles sont égales, votre paquet lui-même est incomplet : refaites-le.",
        "Compare the size of your package with the size received. If they differ, the upload was cut: send it again. "
        "If they are the same, your package itself is incomplete: make it again.",
    ),
    "CONTAINER_CORRUPT": Mend(
        "Ouvrez le paquet sur votre poste et vérifiez-le (« tester l’archive ») ; refaites-le s’il est endommagé, "
        "déposez-le de nouveau s’il est bon.",
        "Open the package on your computer and test it; make it again if it is damaged, send it again if it is good.",
    ),
    "CONTAINER_HEADERS_DISAGREE": Mend(
        "Le ZIP a été modifié ou écrit par un outil fautif : refaites-le avec un autre outil.",
        "The ZIP was altered, or written by a faulty tool: make it again with another tool.",
        "PKWARE APPNOTE 4.3.12",
    ),
    "CONTAINER_TOO_LARGE": Mend(
        "Répartissez les fichiers en plusieurs versements, chacun avec son bordereau.",
        "Split the files into several transfers, each with its own manifest.",
    ),
    "CONTAINER_RATIO": Mend(
        "Si les fichiers sont bien les vôtres (fichiers très répétitifs), déposez-les en TAR sans compression ; "
        "sinon, demandez-vous d’où vient ce paquet.",
        "If the files are yours indeed (very repetitive ones), send them as a TAR without compression; otherwise, "
        "find out where this package comes from.",
    ),
    "CONTAINER_TOO_MANY_FILES": Mend(
        "Répartissez les fichiers en plusieurs versements, chacun avec son bordereau.",
        "Split the files into several transfers, each with its own manifest.",
    ),
    "CONTAINER_TOO_SLOW": Mend(
        "Répartissez les fichiers en plusieurs versements, ou déposez-les en TAR sans compression, ce qui se lit le "
        "plus vite. Si le paquet est petit, demandez à l’archive si ses machines étaient surchargées, et déposez-le "
        "de nouveau.",
        "Split the files into several transfers, or send them as a TAR without compression, which is read fastest. "
        "If the package is small, ask the archive whether its machines were overloaded, and send it again.",
    ),
    "CONTAINER_ABSOLUTE_PATH": Mend(
        "Refaites le paquet depuis le dossier qui contient manifest.xml, pour que les chemins commencent à ce "
        "dossier "
        "(par exemple Content/acte.pdf).",
        "Make the package again from inside the folder that holds manifest.xml, so that paths begin at that folder "
        "(Content/act.pdf, say).",
        _ZIP_NAMES,
    ),
    "CONTAINER_TRAVERSAL": Mend(
        "Refaites le paquet depuis le dossier qui contient manifest.xml, sans « .. » dans aucun chemin.",
        "Make the package again from inside the folder that holds manifest.xml, with no “..” in any path.",
    ),
    "CONTAINER_BACKSLASH": Mend(
        "Refaites le paquet avec un outil qui sépare les dossiers par « / » ; si c’est le nom du fichier qui "
        "contient "
        "une barre oblique inverse, renommez-le.",
        "Make the package again with a tool that separates folders by “/”; if it is the file’s own name that holds a "
        "backslash, rename it.",
        _ZIP_NAMES,
    ),
    "CONTAINER_BAD_NAME": Mend(
        "Renommez le fichier, corrigez son Uri dans le bordereau, refaites le paquet (noms en UTF-8).",
        "Rename the file, put its Uri right in the manifest, make the package again (names in UTF-8).",
    ),
    "CONTAINER_PATH_TOO_LONG": Mend(
        "Raccourcissez le nom du fichier ou de ses dossiers, et corrigez son Uri dans le bordereau.",
        "Shorten the name of the file or of its folders, and put its Uri right in the manifest.",
    ),
    "CONTAINER_LINK": Mend(
        "Mettez à la place du lien une copie du fichier qu’il désigne, et refaites le paquet.",
        "Put a copy of the file it points at in place of the link, and make the package again.",
    ),
    "CONTAINER_SPECIAL_FILE": Mend(
        "Retirez cette entrée du paquet : un périphérique, une file ou une prise ne s’archivent pas.",
        "Take this entry out of the package: devices, pipes and sockets cannot be archived.",
    ),
    "CONTAINER_DUPLICATE": Mend(
        "Ne gardez qu’un fichier de ce nom, ou renommez l’autre et corrigez son Uri dans le bordereau. Deux "
        "codages d’un même accent ne font pas deux noms.",
        "Keep one file of this name, or rename the other and put its Uri right in the manifest. Two encodings of one "
        "accent do not make two names.",
    ),
    "CONTAINER_NAME_CONFLICT": Mend(
        "Renommez le fichier ou le dossier « {other} », et corrigez les Uri du bordereau.",
        "Rename the file or the folder “{other}”, and put the Uris of the manifest right.",
    ),
    "CONTAINER_ENCRYPTED": Mend(
        "Refaites le paquet sans mot de passe : un fichier chiffré serait illisible le jour où le mot de passe sera "
        "perdu. Le transport est déjà protégé.",
        "Make the package again without a password: an encrypted file could not be read once the password is lost. "
        "Its way here is protected already.",
    ),
    "CONTAINER_COMPRESSION": Mend(
        "Refaites le ZIP avec la compression ordinaire (« deflate »), ou sans compression.",
        "Make the ZIP again with ordinary compression (deflate), or none.",
        "PKWARE APPNOTE 4.4.5",
    ),
    "CONTAINER_NO_MANIFEST": Mend(
        "Mettez manifest.xml à la racine du paquet, à côté du dossier des fichiers, et refaites-le.",
        "Put manifest.xml at the root of the package, beside the folder of files, and make it again.",
    ),
    "CONTAINER_SEVERAL_MANIFESTS": Mend(
        "Ne laissez qu’un bordereau à la racine : celui de ce versement.",
        "Leave one manifest at the root: the one of this transfer.",
    ),
    "ANTIVIRUS_INFECTED": Mend(
        "N’ouvrez pas ce fichier et prévenez votre service informatique. Déposez une version saine, avec sa propre "
        "empreinte dans le bordereau, ou retirez-le du versement.",
        "Do not open this file, and tell your IT department. Send a clean version, with its own digest in the "
        "manifest, or leave it out of the transfer.",
    ),
    "ANTIVIRUS_PARTIAL": Mend(
        "Rien à faire de votre côté : le fichier est trop long pour être examiné en entier par l’antivirus.",
        "Nothing for you to do: the file is too long for the antivirus to examine the whole of it.",
    ),
}
