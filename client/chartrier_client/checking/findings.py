"""What the checks of this client find, under the codes that an archive has for the same things."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from chartrier_client.errors import Finding
from chartrier_client.language import Text

ERROR: Final = "error"
WARNING: Final = "warning"
# A package that is wrong everywhere is told of as well by its first faults.
MOST_PER_CODE: Final = 500


@dataclass(frozen=True, slots=True)
class LocalFinding:
    """One observation: `place` is an entry of the package, or `manifest.xml:LINE` and an identifier."""

    code: str
    severity: str
    place: str
    text: Text

    def said(self, language: str) -> Finding:
        """Return it as an archive would tell it."""
        return Finding(self.code, self.severity, self.place, self.text.said(language))


@dataclass(slots=True)
class Findings:
    """What was found so far: the first ones of each code, and how many there are of each."""

    listed: list[LocalFinding] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def take(self, findings: Iterable[LocalFinding]) -> None:
        """Take more; beyond some they are only counted."""
        for finding in findings:
            self.counted[finding.code] += 1
            if self.counted[finding.code] <= MOST_PER_CODE:
                self.listed.append(finding)

    @property
    def omitted(self) -> dict[str, int]:
        """How many were only counted, by code."""
        return {code: count - MOST_PER_CODE for code, count in self.counted.items() if count > MOST_PER_CODE}


class ContainerFault(Exception):
    """The package cannot be read any further."""

    def __init__(self, finding: LocalFinding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def found(code: str, place: str, **told: object) -> LocalFinding:
    """Make a finding; `told` are what its sentences name."""
    fr, en = TEXTS[code]
    severity = WARNING if code in WARNINGS else ERROR
    return LocalFinding(code, severity, place, Text(fr.format(**told), en.format(**told)))


WARNINGS: Final = frozenset(
    {"OBJECT_DIGEST_WEAK", "OBJECT_SIZE_MISMATCH", "OBJECT_USAGE", "UNIT_DATE_UNREADABLE", "OBJECT_MASTER_MISSING"}
)
"""What an archive usually takes, and says."""

TEXTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "CONTAINER_NOT_AN_ARCHIVE": ("ni ZIP, ni TAR, ni TAR.GZ, ni TAR.BZ2", "no ZIP, TAR, TAR.GZ or TAR.BZ2"),
        "CONTAINER_CORRUPT": ("paquet endommagé ou incomplet ({reason})", "damaged or incomplete package ({reason})"),
        "CONTAINER_EMPTY": ("le paquet est vide", "the package is empty"),
        "CONTAINER_TOO_MANY_FILES": ("plus de {limit} entrées", "more than {limit} entries"),
        "CONTAINER_TOO_LARGE": ("plus de {limit} octets une fois déplié", "more than {limit} bytes once expanded"),
        "CONTAINER_RATIO": (
            "se déplie plus de {limit} fois, comme une bombe de décompression",
            "expands more than {limit} times, as decompression bombs do",
        ),
        "CONTAINER_ABSOLUTE_PATH": ("chemin absolu", "absolute path"),
        "CONTAINER_TRAVERSAL": ("ce chemin sort du paquet («..»)", "this path leaves the package («..»)"),
        "CONTAINER_BACKSLASH": ("barre oblique inverse dans un chemin", "backslash in a path"),
        "CONTAINER_BAD_NAME": ("nom vide, illisible ou de contrôle", "empty, unreadable or control name"),
        "CONTAINER_PATH_TOO_LONG": ("chemin de plus de {limit} octets", "path of more than {limit} bytes"),
        "CONTAINER_DUPLICATE": ("deux entrées portent ce nom", "two entries bear this name"),
        "CONTAINER_LINK": ("cette entrée est un lien", "this entry is a link"),
        "CONTAINER_SPECIAL_FILE": ("ni fichier ni dossier", "neither a file nor a folder"),
        "CONTAINER_ENCRYPTED": ("cette entrée est chiffrée", "this entry is encrypted"),
        "CONTAINER_COMPRESSION": ("compression que l'archive ne lit pas", "a compression that archives do not read"),
        "CONTAINER_NO_MANIFEST": ("il n'y a pas de manifest.xml", "there is no manifest.xml"),
        "CONTAINER_SEVERAL_MANIFESTS": ("plusieurs bordereaux : {names}", "several manifests: {names}"),
        "MANIFEST_TOO_LARGE": ("bordereau de plus de {limit} octets", "a manifest of more than {limit} bytes"),
        "MANIFEST_LIMIT": ("le bordereau passe la limite : {what}", "the manifest goes beyond a bound: {what}"),
        "MANIFEST_DOCTYPE": ("un bordereau n'a pas de DOCTYPE", "a manifest has no DOCTYPE"),
        "MANIFEST_XML": ("XML mal formé : {reason}", "XML that is not well-formed: {reason}"),
        "MANIFEST_NOT_A_TRANSFER": (
            "«{root}» n'est pas un ArchiveTransfer",
            "«{root}» is no ArchiveTransfer",
        ),
        "MANIFEST_VERSION": ("espace de noms inconnu : «{namespace}»", "unknown namespace: «{namespace}»"),
        "MANIFEST_SCHEMA": ("{reason}", "{reason}"),
        "HEADER_EMPTY": ("{element} est absent ou vide", "{element} is absent or empty"),
        "REFERENCE_DUPLICATE_ID": (
            "l'identifiant «{id}» est donné deux fois",
            "the identifier «{id}» is given twice",
        ),
        "REFERENCE_UNKNOWN": ("{element} désigne «{target}», absent", "{element} names «{target}», which is absent"),
        "REFERENCE_WRONG_KIND": (
            "{element} désigne «{target}», qui n'est pas de cette sorte",
            "{element} names «{target}», which is of another kind",
        ),
        "REFERENCE_INTO_GROUP": (
            "«{target}» est dans le groupe {group} : c'est le groupe qu'il faut désigner",
            "«{target}» is in the group {group}: name the group",
        ),
        "REFERENCE_CYCLE": ("ces unités se contiennent l'une l'autre : {path}", "units hold each other: {path}"),
        "REFERENCE_ORPHAN_GROUP": ("aucune unité ne désigne ce groupe", "no unit names this group"),
        "REFERENCE_ORPHAN_OBJECT": ("aucune unité ne désigne cet objet", "no unit names this object"),
        "OBJECT_URI_EMPTY": ("l'objet n'a pas de Uri", "the object has no Uri"),
        "OBJECT_FILE_MISSING": (
            "le fichier «{uri}» n'est pas dans le paquet",
            "the file «{uri}» is not in the package",
        ),
        "OBJECT_FILE_SHARED": (
            "le fichier «{uri}» est déjà celui de {other}",
            "the file «{uri}» is already that of {other}",
        ),
        "OBJECT_FILE_UNCLAIMED": ("aucun objet ne désigne ce fichier", "no object names this file"),
        "OBJECT_DIGEST_MISSING": ("l'objet n'a pas d'empreinte", "the object has no digest"),
        "OBJECT_DIGEST_ALGORITHM": ("algorithme d'empreinte inconnu : {algorithm}", "unknown digest: {algorithm}"),
        "OBJECT_DIGEST_UNREADABLE": ("ce n'est pas une empreinte {algorithm}", "this is no {algorithm} digest"),
        "OBJECT_DIGEST_MISMATCH": (
            "l'empreinte {algorithm} annoncée n'est pas celle du fichier ({measured})",
            "the {algorithm} announced is not that of the file ({measured})",
        ),
        "OBJECT_DIGEST_WEAK": (
            "{algorithm} : empreinte faible, préférez SHA-512",
            "{algorithm} is weak: use SHA-512",
        ),
        "OBJECT_SIZE_MISMATCH": (
            "{declared} octets annoncés, {measured} trouvés",
            "{declared} bytes, not {measured}",
        ),
        "OBJECT_USAGE": ("usage inconnu : «{usage}»", "unknown usage: «{usage}»"),
        "OBJECT_MASTER_MISSING": ("le groupe n'a pas d'original (BinaryMaster)", "the group has no BinaryMaster"),
        "OBJECT_PHYSICAL_ID_EMPTY": (
            "l'objet physique n'a pas d'identifiant",
            "the physical object has no identifier",
        ),
        "UNIT_NONE": ("le bordereau ne décrit aucune unité d'archives", "the manifest describes no archive unit"),
        "UNIT_TITLE_EMPTY": ("l'unité n'a pas de titre", "the unit has no title"),
        "UNIT_LEVEL": ("niveau inconnu : «{level}»", "unknown level: «{level}»"),
        "UNIT_DATE_UNREADABLE": ("{element} n'est pas une date : «{date}»", "{element} is no date: «{date}»"),
        "UNIT_DATES_REVERSED": ("la fin ({end}) précède le début ({start})", "the end ({end}) precedes {start}"),
        "RULE_CODE_EMPTY": ("{category} : règle sans code", "{category}: a rule without a code"),
        "RULE_DATE": ("{category} : «{date}» n'est pas un jour", "{category}: «{date}» is no day"),
        "RULE_FINAL_ACTION": ("{category} : sort final «{action}»", "{category}: final action «{action}»"),
        "RULE_CATEGORY_EMPTY": ("{category} ne porte ni règle ni héritage", "{category} bears no rule"),
    }
)
"""Code → French and English. Those of an archive are explained at length in its own catalogue of findings."""
