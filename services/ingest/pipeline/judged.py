"""Read once more a package that was judged without an error, to build its AIP."""

import shutil
import tempfile
from pathlib import Path

from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import Inventory, Manifest
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.judge import with_paths
from services.ingest.pipeline.locating import locate
from services.ingest.pipeline.manifest.reader import read_model


class NotAsJudged(Exception):
    """The package is not the one that was judged: its manifest could not be read again."""


def open_judged(sip_path: Path, inventory: Inventory, limits: Limits) -> tuple[SipPackage, Manifest]:
    """Return the package, ready to be packed, and its manifest, the same as the judgement's."""
    package = SipPackage(sip_path, inventory.manifest_path, inventory.prefix, limits)
    with tempfile.TemporaryDirectory(prefix="judged-") as folder:
        copy = Path(folder) / "manifest.xml"
        with package.open_manifest() as stream, copy.open("wb") as file:
            shutil.copyfileobj(stream, file, MIB)
        manifest = read_model(copy, inventory.manifest_path, limits).manifest
    if manifest is None:
        raise NotAsJudged(inventory.manifest_path)
    located = locate(manifest.objects, (file.path for file in inventory.files))
    return package, with_paths(manifest, located)
