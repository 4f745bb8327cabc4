import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.integration


def make(*words: str) -> str:
    done = subprocess.run(
        [shutil.which("make") or "make", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_make_alone_lists_every_target_a_person_types() -> None:
    listed = set(re.findall(r"^  ([a-z0-9-]+) ", make(), re.MULTILINE))
    everyday = {"setup", "demo", "run", "up", "down", "status", "logs"}
    assert (
        everyday | {"check", "test", "unit", "contracts", "integration", "e2e", "bench", "trials", "lock", "clean"}
        <= listed
    )


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_file_has_a_hash_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pinned = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(pinned) > 40
    assert all("--hash=sha256:" in block for block in pinned)
    assert "index-url" not in text
    assert "find-links" not in text
