"""Measuring bytes."""

import hashlib
import os
from pathlib import Path

from shared.checksums import MIB, Measure, Meter, measure_file, sha512_of


def test_a_file_a_stream_and_bytes_at_hand_measure_the_same(tmp_path: Path) -> None:
    data = os.urandom(2 * MIB + 11)
    (tmp_path / "file").write_bytes(data)
    meter = Meter()
    for start in range(0, len(data), 1000):
        meter.update(data[start : start + 1000])

    expected = Measure(hashlib.sha512(data).hexdigest(), len(data))

    assert measure_file(tmp_path / "file") == meter.measure() == expected
    assert sha512_of(data) == expected.sha512


def test_a_meter_computes_the_senders_algorithm_too() -> None:
    meter = Meter(also=("sha256", "md5"))
    meter.update(b"abc")

    assert meter.others() == {
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        "md5": hashlib.md5(b"abc", usedforsecurity=False).hexdigest(),
    }
