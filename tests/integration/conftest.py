"""One SeaweedFS for all the rooms that want a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local import seaweedfs
from tests.contracts.object_stores import running_seaweedfs


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweedfs.Site]:
    folder: Path = tmp_path_factory.mktemp("seaweedfs")
    with running_seaweedfs(folder) as site:
        yield site
