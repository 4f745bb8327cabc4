"""The raw baseline."""

import os
from hashlib import sha512
from pathlib import Path

import pytest

from bench import baseline


def test_the_baseline_counts_every_byte_and_leaves_nothing_behind(tmp_path: Path) -> None:
    inputs = []
    for number in range(3):
        inputs.append(tmp_path / f"in-{number}")
        inputs[-1].write_bytes(os.urandom(100_000))
    place = tmp_path / "place"
    place.mkdir()

    measured = baseline.measure(inputs, place)

    assert (measured.files, measured.size) == (3, 300_000)
    assert min(measured.hashing, measured.copying, measured.verifying) > 0
    assert measured.seconds == measured.hashing + measured.copying + measured.verifying
    assert list(place.iterdir()) == []


def test_a_digest_is_that_of_the_whole_file_whatever_the_chunks(tmp_path: Path) -> None:
    content = os.urandom(2 * baseline.CHUNK + 5)
    (tmp_path / "file").write_bytes(content)
    assert baseline.digest_of(tmp_path / "file") == sha512(content).hexdigest()


def test_a_copy_already_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"new")
    place = tmp_path / "place"
    (place / "raw-0-0").mkdir(parents=True)
    with pytest.raises(OSError, match="raw-0-0"):
        baseline.measure([tmp_path / "in"], place)
