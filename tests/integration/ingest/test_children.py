"""Child processes end with the process they work for, and leave nothing for anybody to complain of."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.local.settings import room_environment
from services.local.stack import HERE

pytestmark = pytest.mark.integration

ENDS = """
import asyncio, os, time
from services.ingest.adapters.children import Children

async def main():
    children = Children(2)
    await children.call(abs, -1)
    in_hand = [asyncio.ensure_future(children.call(time.sleep, 3600)) for _ in range(3)]
    await asyncio.sleep(0)
    await children.close()
    await asyncio.gather(*in_hand, return_exceptions=True)

if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)
"""


def test_a_process_that_has_closed_its_children_leaves_no_semaphore(tmp_path: Path) -> None:
    script = tmp_path / "ends.py"
    script.write_text(ENDS)
    # The helper that would complain has our standard error too: it has ended when this returns.
    environment = {**room_environment(), "PYTHONPATH": str(HERE)}
    ended = subprocess.run(
        [sys.executable, script], check=True, capture_output=True, text=True, timeout=60, env=environment
    )
    assert ended.stderr == ""
