"""The papers of an invented town: a council deliberation, an accounting flow, an agent's contract."""

from datetime import UTC, date, datetime, time

from chartrier_client.description import SourceFile
from chartrier_client.samples.odt import MIME as ODT_MIME
from chartrier_client.samples.odt import Letter, write_odt
from chartrier_client.samples.pdf import Paper, write_pdf
from chartrier_client.samples.pes import Flow, Payment, write_pes

# Department 99 does not exist: these identifiers belong to nobody, yet their check digits are right.
TOWN = "Commune de Valombreuse-sur-Lys"
SIREN = "219900420"
SIRET = "21990042000015"

DELIBERATION_TITLE = "Délibération n° 2026-042 : acquisition d'une parcelle rue des Tilleuls"
FLOW_TITLE = "Flux comptable PES : bordereau de mandats n° 17"
CONTRACT_TITLE = "Contrat d'engagement de Mme Élodie Garrigue, adjointe du patrimoine"

DELIBERATION_TEXT = """
Commune de Valombreuse-sur-Lys — Extrait du registre des délibérations du conseil municipal

Séance du {day:%d/%m/%Y}. Le conseil municipal, légalement convoqué, s'est réuni à la mairie sous la
présidence de Mme Béatrice Lenoël, maire. Présents : 17. Pouvoirs : 2. Absents : 0.

Vu le code général des collectivités territoriales, notamment ses articles L. 2121-29 et L. 2241-1 ;

Vu le plan local d'urbanisme approuvé le 12 février 2019 ;

Considérant que la parcelle cadastrée section AB n° 214, d'une contenance de 1 260 m², située 12 rue
des Tilleuls, jouxte l'école élémentaire et permettra d'agrandir la cour de récréation ;

Considérant l'accord des propriétaires au prix de 48 500 € (œuvres et clôtures comprises) ;

Après en avoir délibéré, à l'unanimité, le conseil municipal :

1. décide d'acquérir la parcelle AB n° 214 au prix de 48 500 €, frais d'acte en sus ;

2. autorise Mme la maire à signer l'acte notarié et toute pièce s'y rapportant ;

3. dit que la dépense est inscrite au budget de l'exercice, chapitre 21.

Fait et délibéré en mairie, les jour, mois et an susdits. Pour extrait conforme.
"""

CONTRACT_TEXT = """
Entre la commune de Valombreuse-sur-Lys, représentée par sa maire, et Mme Élodie Garrigue, il est
convenu ce qui suit.

Article 1er. Mme Garrigue est engagée comme adjointe territoriale du patrimoine, à temps complet, à
compter du {day:%d/%m/%Y} et pour une durée d'un an.

Article 2. Elle est affectée à la médiathèque municipale et chargée de l'accueil du public, du prêt et
de la numérisation du fonds local.

Article 3. Sa rémunération est fixée par référence au premier échelon du grade.

Fait à Valombreuse-sur-Lys, en deux exemplaires.
"""

PAYMENTS = (
    Payment(211, "Papeterie du Marché", "Fournitures scolaires, école", "6067", "842.60"),
    Payment(212, "Menuiserie Étienne & fils", "Réfection des fenêtres, mairie", "2131", "6480.00"),
    Payment(213, "Régie des eaux de la Lys", "Eau, bâtiments, 1er trimestre", "60611", "317.05"),
)


def deliberation(day: date) -> SourceFile:
    """Return the deliberation of that day's council, as a PDF."""
    paper = Paper(DELIBERATION_TITLE, TOWN, _paragraphs(DELIBERATION_TEXT, day), _morning(day))
    return SourceFile("DELIB_2026-042_parcelle-Tilleuls.pdf", write_pdf(paper), mime="application/pdf")


def accounting_flow(day: date) -> SourceFile:
    """Return that day's payment orders, as a PES v2 flow."""
    flow = Flow(SIRET, "099042", TOWN, day, 17, PAYMENTS)
    return SourceFile(f"{flow.name}.xml", write_pes(flow), mime="application/xml")


def contract(day: date) -> SourceFile:
    """Return an agent's fixed-term contract starting that day, as an OpenDocument text."""
    author = f"{TOWN}, service des ressources humaines"
    letter = Letter(CONTRACT_TITLE, author, _paragraphs(CONTRACT_TEXT, day), _morning(day))
    return SourceFile("RH_contrat_garrigue.odt", write_odt(letter), mime=ODT_MIME)


def _paragraphs(text: str, day: date) -> tuple[str, ...]:
    return tuple(" ".join(paragraph.split()) for paragraph in text.format(day=day).split("\n\n"))


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9), UTC)
