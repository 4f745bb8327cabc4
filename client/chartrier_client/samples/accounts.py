"""An invented town's accounting flows of one night, as files: what its finance software leaves in a folder."""

from datetime import date, timedelta
from pathlib import Path

from chartrier_client.samples.pes import Flow, Payment, Revenue, write_acknowledgement, write_pes
from chartrier_client.samples.town_hall import PAYMENTS, SIRET, TOWN

POST = "099042"
REVENUES = (
    Revenue(58, "M. Théo Bréguet", "Cantine scolaire, avril", "7067", "61.20"),
    Revenue(59, "Association Les Amis de l'Orgue", "Location de la salle des fêtes", "752", "140.00"),
)
WORKS = (Payment(214, "Charpentes Noël & Cie", "Préau de l'école, acompte", "2135", "12480.00"),)


def night_of_flows(folder: Path, day: date) -> list[Path]:
    """Write the two flows of that day, the first with its acknowledgement; returns what was written."""
    both = (
        Flow(SIRET, POST, TOWN, day, 17, PAYMENTS, REVENUES),
        Flow(SIRET, POST, f"{TOWN}, budget annexe de l'école", day, 18, WORKS),
    )
    folder.mkdir(parents=True, exist_ok=True)
    contents = {f"{flow.name}.xml": write_pes(flow) for flow in both}
    contents[f"{both[0].name}_ack.xml"] = write_acknowledgement(both[0], day + timedelta(days=1))
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]
