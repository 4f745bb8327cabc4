"""Texts of the findings on archive units and their management rules."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error, warning

UNIT_TEXTS: Final[dict[str, FindingText]] = {
    "UNIT_TITLE_EMPTY": error(
        "L’unité d’archives n’a pas de titre : Title est absent ou vide.",
        "The archive unit has no title: Title is absent or empty.",
    ),
    "UNIT_NONE": error("Le bordereau ne décrit aucune unité d’archives.", "The manifest describes no archive unit."),
    "UNIT_DATES_REVERSED": error(
        "L’unité d’archives finit ({end}) avant de commencer ({start}).",
        "The archive unit ends ({end}) before it starts ({start}).",
    ),
    "UNIT_DATE_UNREADABLE": warning(
        "La date « {date} » ({element}) n’est pas comprise ; elle est conservée telle quelle.",
        "The date “{date}” ({element}) is not understood; it is kept as it is.",
    ),
    "UNIT_DATE_WITHOUT_YEAR": warning(
        "La date « {date} » ({element}) n’a pas d’année ; elle est conservée telle quelle.",
        "The date “{date}” ({element}) has no year; it is kept as it is.",
    ),
    "UNIT_DATE_FAR": warning(
        "La date « {date} » ({element}) est trop lointaine pour être voulue ; elle est conservée telle quelle.",
        "The date “{date}” ({element}) is too far away to be meant; it is kept as it is.",
    ),
    "UNIT_DATE_IN_FUTURE": warning(
        "La date « {date} » ({element}) est postérieure à celle du versement ({transfer}) ; elle est conservée telle "
        "quelle.",
        "The date “{date}” ({element}) comes after that of the transfer ({transfer}); it is kept as it is.",
    ),
    "RULE_UNKNOWN": error(
        "La règle « {code} » ({category}) n’est pas dans le référentiel.",
        "The rule “{code}” ({category}) is not in the referential.",
    ),
    "RULE_WRONG_CATEGORY": error(
        "La règle « {code} » est de la catégorie {known}, non {category}.",
        "The rule “{code}” is of category {known}, not {category}.",
    ),
    "RULE_DATE_FAR": error(
        "La règle « {code} » porte une date trop lointaine pour être voulue : {element} = {date}.",
        "The rule “{code}” bears a date too far away to be meant: {element} = {date}.",
    ),
    "RULE_REFUSED_UNKNOWN": error(
        "RefNonRuleId écarte la règle « {code} » ({category}), qui n’est pas dans le référentiel.",
        "RefNonRuleId refuses the rule “{code}” ({category}), which is not in the referential.",
    ),
    "RULE_REFUSED_CATEGORY": error(
        "RefNonRuleId écarte sous {category} la règle « {code} », qui est de la catégorie {known}.",
        "RefNonRuleId refuses under {category} the rule “{code}”, which is of category {known}.",
    ),
    "RULE_INHERITANCE_TWICE": error(
        "{category} écarte toutes les règles héritées (PreventInheritance) et en énumère certaines (RefNonRuleId).",
        "{category} refuses every inherited rule (PreventInheritance), and lists some of them (RefNonRuleId).",
    ),
    "RULE_HOLD_END_TWICE": error(
        "Le gel de la règle « {code} » a deux fins : sa durée ({duration}, dans le référentiel) et HoldEndDate "
        "({end}).",
        "The hold of the rule “{code}” has two ends: its duration ({duration}, in the referential) and HoldEndDate "
        "({end}).",
    ),
    "RULE_DATES_REVERSED": error(
        "Le gel de la règle « {code} » finit ({end}) avant de commencer ({start}).",
        "The hold of the rule “{code}” ends ({end}) before it starts ({start}).",
    ),
}
