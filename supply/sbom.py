"""The bill of materials: every package of the archive, with the digests of its files, in CycloneDX's form.

`python -m supply.sbom PATH` writes it there; the same lock gives the same bytes.
"""

import subprocess
import sys
from pathlib import Path

from supply import locks


def write(target: Path) -> None:
    """Write the bill of what requirements.lock names; CalledProcessError if the tool refuses."""
    target.parent.mkdir(parents=True, exist_ok=True)
    about = ("--pyproject", str(locks.ROOT / "pyproject.toml"), "--output-reproducible", "--no-validate")
    # A lock says what is needed, not which of it needs which: the tool warns of that, and it is known.
    python = (sys.executable, "-W", "ignore:The Component this BOM is describing:UserWarning")
    tool = (*python, "-m", "cyclonedx_py", "requirements", str(locks.RUNTIME))
    subprocess.run((*tool, *about, "--output-file", str(target)), check=True, stderr=subprocess.PIPE)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"The bill of materials is in {sys.argv[1]}.")
