"""The kept AIP and a kept order give the kept new version, byte for byte, for ever.

Whoever must change it has changed what archives keep after a partial purge: an order that was begun by one release
may be finished by another.
"""

import io
import json
from pathlib import Path
from uuid import UUID

from services.storage.domain.rewriting import of_json, to_json
from services.storage.pipeline.package_check import check_package
from tests.builders.purges import rewritten

GOLDEN = Path(__file__).parents[2] / "golden" / "aip"


def test_the_kept_aip_and_order_give_the_kept_version() -> None:
    kept = json.loads((GOLDEN / "v1-purged" / "order.json").read_bytes())
    plan = of_json(kept["plan"])

    content, summary = rewritten((GOLDEN / "v1" / "aip.tar").read_bytes(), list(map(UUID, kept["units"])), plan)

    assert content == (GOLDEN / "v1-purged" / "aip.tar").read_bytes()
    assert summary.gone_units == len(kept["units"])
    assert to_json(plan) == kept["plan"]


def test_the_kept_version_is_a_whole_package_without_what_went() -> None:
    content = (GOLDEN / "v1-purged" / "aip.tar").read_bytes()

    assert check_package(io.BytesIO(content), "01890a5d-ac96-774b-bcce-b302099a8057").faults == ()
    # AU3 and REF3, which is another name of it; its two files.
    for word in ("Annexes", "REF3", "AU3", "OBJ2", "budget.xml", "vide.txt"):
        assert word.encode() not in content
