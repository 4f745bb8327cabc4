"""What a unit costs a process of ingest in memory: of many, neither the XML nor the AIP is ever held whole."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from services.ingest.domain.limits import MIB
from services.ingest.tasks import BuildOrder, CheckOrder, build, check
from tests.builders.aips import a_plan
from tests.builders.sips import a_sip_of_many_units, an_agreement

FEW, MANY = 1_000, 10_000
FILES = 50
"""As many in both: what identifies formats has a heap of its own, which grows with files."""

A_UNIT = 600 * MIB // 100_000
"""Bytes: the budget. Measured here: 3,600, and 9,500 where the tree of the XML is kept; over 100,000 units: 2,900."""


def peak_of(sip: Path) -> int:
    """Check a SIP and build its AIP; return the most memory that this process ever had, in bytes."""
    folder = sip.parent
    checked = check(CheckOrder(sip, folder / "header.json", an_agreement(), {}, None))
    assert checked.inventory is not None
    summary = build(BuildOrder(sip, checked.inventory, a_plan(), folder / "aip.tar", folder / "package.xml"))
    assert summary.units == checked.counts["units"]
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def test_a_unit_costs_a_child_process_so_much_memory_and_no_more(tmp_path: Path) -> None:
    few = a_sip_of_many_units(tmp_path / "few.zip", FEW, files=FILES)
    many = a_sip_of_many_units(tmp_path / "many.zip", MANY, files=FILES)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        before = child.submit(peak_of, few).result()
        grown = child.submit(peak_of, many).result() - before

    assert grown < (MANY - FEW) * A_UNIT
