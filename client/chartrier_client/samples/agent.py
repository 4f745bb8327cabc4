"""The papers of an invented agent who retires: what a staff department files by theme."""

from datetime import date
from pathlib import Path

from chartrier_client.samples.papers import write_papers

PAPERS = (
    (
        "carriere/1986-nomination.pdf",
        "Mme Odile Fontanel est nommée commis au 1er mai 1986.",
        date(1986, 5, 1),
    ),
    ("carriere/2004-avancement.pdf", "Mme Odile Fontanel accède au grade de rédactrice.", date(2004, 7, 1)),
    ("paie/2025-attestation-annuelle.pdf", "Rémunérations versées pendant l'année 2025.", date(2026, 1, 15)),
    ("conges/2025-compte-epargne-temps.pdf", "Solde du compte épargne-temps : 12 jours.", date(2025, 12, 31)),
    ("radiation.pdf", "Mme Odile Fontanel est radiée des cadres pour retraite.", date(2026, 4, 1)),
)


def papers_of_an_agent(folder: Path) -> list[Path]:
    """Write the folder; returns where each paper is."""
    return write_papers(folder, PAPERS)
