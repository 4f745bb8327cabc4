"""What to do about findings on archive units, their rules, and the transfer as a whole."""

from typing import Final

from services.ingest.domain.mend import Mend

UNIT_MENDS: Final[dict[str, Mend]] = {
    "UNIT_TITLE_EMPTY": Mend(
        "Donnez un titre (Title) à cette unité : c’est par lui qu’elle sera retrouvée.",
        "Give this unit a title (Title): it is by that it will be found.",
        "SEDA 2.x, Content/Title",
    ),
    "UNIT_NONE": Mend(
        "Décrivez au moins une unité d’archives (ArchiveUnit) dans DescriptiveMetadata.",
        "Describe at least one archive unit (ArchiveUnit) in DescriptiveMetadata.",
        "SEDA 2.x, DescriptiveMetadata",
    ),
    "UNIT_DATES_REVERSED": Mend(
        "Corrigez StartDate ou EndDate : les deux dates sont sans doute interverties.",
        "Put StartDate or EndDate right: the two dates were probably swapped.",
        "SEDA 2.x, Content/StartDate and EndDate",
    ),
    "UNIT_DATE_UNREADABLE": Mend(
        "Écrivez {element} comme 2024, 2024-06 ou 2024-06-30 ; sinon, la recherche par dates ignorera cette unité.",
        "Write {element} as 2024, 2024-06 or 2024-06-30; otherwise, searches by date will pass this unit over.",
        "ISO 8601-1, 5.2.2",
    ),
    "UNIT_DATE_WITHOUT_YEAR": Mend(
        "Ajoutez l’année à {element} (2024-06, par exemple) ; sinon, la recherche par dates ignorera cette unité.",
        "Add the year to {element} (2024-06, say); otherwise, searches by date will pass this unit over.",
        "SEDA 2.1 and later, DateType",
    ),
    "UNIT_DATE_FAR": Mend(
        "Corrigez l’année de {element}. Si la date n’est pas connue, ôtez l’élément : une date inventée trompe la "
        "recherche.",
        "Put the year of {element} right. If the date is not known, take the element out: a date made up misleads "
        "searches.",
    ),
    "UNIT_DATE_IN_FUTURE": Mend(
        "Vérifiez {element}, et l’horloge du logiciel qui date le bordereau (Date) : on ne verse que ce qui existe.",
        "Check {element}, and the clock of the software that dates the manifest (Date): only what exists is "
        "deposited.",
        "SEDA 2.x, Content and ArchiveTransfer/Date",
    ),
    "RULE_UNKNOWN": Mend(
        "Employez un code du référentiel de l’archive, ou demandez au service d’archives d’y ajouter « {code} ».",
        "Use a code of the archive’s referential, or ask the archives to add “{code}” to it.",
    ),
    "RULE_WRONG_CATEGORY": Mend(
        "Mettez « {code} » sous {known}, ou employez pour {category} un code de cette catégorie.",
        "Put “{code}” under {known}, or use for {category} a code of that category.",
        "SEDA 2.x, Management",
    ),
    "RULE_DATE_FAR": Mend(
        "Corrigez {element} de la règle « {code} ». Pour une règle sans fin, ne mettez pas de date : prenez un code "
        "de durée illimitée.",
        "Put {element} of the rule “{code}” right. For a rule without end, write no date: use a code of unlimited "
        "duration.",
        "SEDA 2.x, Management",
    ),
    "RULE_REFUSED_UNKNOWN": Mend(
        "Écrivez dans RefNonRuleId le code d’une règle dont l’unité hériterait, ou ôtez-le.",
        "Write in RefNonRuleId the code of a rule that the unit would inherit, or take it out.",
        "SEDA 2.x, RefNonRuleId",
    ),
    "RULE_REFUSED_CATEGORY": Mend(
        "Mettez RefNonRuleId « {code} » sous {known}.",
        "Put RefNonRuleId “{code}” under {known}.",
        "SEDA 2.x, RefNonRuleId",
    ),
    "RULE_INHERITANCE_TWICE": Mend(
        "Gardez PreventInheritance ou la liste des RefNonRuleId, non les deux.",
        "Keep PreventInheritance or the list of RefNonRuleId, not both.",
        "SEDA 2.x, PreventInheritance",
    ),
    "RULE_HOLD_END_TWICE": Mend(
        "Ôtez HoldEndDate et donnez StartDate : la fin s’en déduit. Pour une fin à une date choisie, employez un "
        "code de HoldRule sans durée (illimité dans le référentiel).",
        "Take HoldEndDate out and give StartDate: the end follows. For an end on a day of your choice, use a code of "
        "HoldRule without a duration (unlimited in the referential).",
        "SEDA 2.2 and later, HoldRule",
    ),
    "RULE_DATES_REVERSED": Mend(
        "Corrigez StartDate ou HoldEndDate de la règle « {code} ».",
        "Put StartDate or HoldEndDate of the rule “{code}” right.",
        "SEDA 2.2 and later, HoldRule",
    ),
    "DUPLICATE_MESSAGE": Mend(
        "Si c’est le même versement, ne faites rien : suivez celui déjà reçu ({transfer}). Si c’en est un autre, "
        "donnez-lui son propre MessageIdentifier.",
        "If it is the same transfer, do nothing: follow the one received before ({transfer}). If it is another, give "
        "it a MessageIdentifier of its own.",
        "SEDA 2.x, MessageIdentifier",
    ),
    "DECISION_ACCEPTED": Mend(
        "Rien à faire : ces mots accompagnent l’acceptation.",
        "Nothing to do: these words come with the acceptance.",
    ),
    "DECISION_REFUSED": Mend(
        "Lisez le motif, corrigez le versement, ou voyez l’archiviste.",
        "Read the reason, mend the transfer, or see the archivist.",
    ),
}
