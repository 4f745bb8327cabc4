"""The papers of an invented public contract, phase by phase, as a procurement department files them."""

from datetime import UTC, date, datetime
from pathlib import Path

from chartrier_client.samples.odt import Letter, write_odt
from chartrier_client.samples.papers import write_papers
from chartrier_client.samples.town_hall import TOWN

NOTIFIED, ENDED = date(2022, 6, 13), date(2024, 11, 29)
PAPERS = (
    ("1-preparation/etude-de-faisabilite.pdf", "Étude du préau de l'école.", date(2022, 1, 10)),
    ("2-consultation/CCTP.pdf", "Cahier des clauses techniques particulières.", date(2022, 3, 1)),
    ("2-consultation/avis-de-publicite.pdf", "Avis d'appel public à la concurrence.", date(2022, 3, 4)),
    ("3-offres-non-retenues/Bois-et-Toits/offre.pdf", "Offre de l'entreprise Bois et Toits.", date(2022, 4, 8)),
    ("3-offres-non-retenues/Menuiserie-Etienne/offre.pdf", "Offre de la menuiserie Étienne.", date(2022, 4, 8)),
    ("4-attribution/acte-d-engagement.pdf", "Acte d'engagement signé des deux parties.", NOTIFIED),
    ("5-execution/pv-de-reception.pdf", "Réception des travaux, sans réserve.", date(2024, 9, 20)),
    ("5-execution/decompte-general.pdf", "Décompte général et définitif.", ENDED),
)
ANALYSIS = "L'offre des Charpentes Noël est la mieux-disante : valeur technique 56 sur 60, prix 36 sur 40."


def papers_of_a_contract(folder: Path) -> list[Path]:
    """Write the folder; returns where each paper is."""
    written = write_papers(folder, PAPERS)
    analysis = folder / "4-attribution" / "rapport-d-analyse.odt"
    day = datetime(2022, 5, 2, 9, tzinfo=UTC)
    analysis.write_bytes(write_odt(Letter("Rapport d'analyse des offres", TOWN, (ANALYSIS,), day)))
    return [*written, analysis]
