"""Where a command writes: what is there already stays, unless one says otherwise."""

import os
from pathlib import Path

from chartrier_client.cli.run import Run
from chartrier_client.language import Text


def target(run: Run, path: Path) -> Path:
    """Return a path to write to, before anything is asked of anyone.

    Raises `FileExistsError` where something is there and `--force` was not said, `IsADirectoryError` at a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(Text(f"{path} est un dossier", f"{path} is a folder"))
    if os.path.lexists(path) and not run.asked.force:
        raise FileExistsError(
            Text(f"{path} existe déjà (--force le remplace)", f"{path} is there already (--force replaces it)")
        )
    return path
