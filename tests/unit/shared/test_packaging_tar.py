import hashlib
import io
import tarfile
from uuid import UUID

import pytest

from shared.packaging.tar import TarWriter, entry_header, entry_length


def test_a_size_above_8_gib_is_written_in_a_pax_header() -> None:
    size = 10 * 1024**3

    info = _first(entry_header("root/large.bin", size, 0))

    assert (info.name, info.size) == ("root/large.bin", size)


def _first(header: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(header + bytes(1024))) as archive:
        found = archive.next()
    assert found is not None
    return found


@pytest.mark.parametrize("length", range(95, 262, 3))
def test_names_around_every_limit_are_read_back(length: int) -> None:
    one_long = f"root/{'n' * (length - 5)}"
    two_halves = f"{'r' * (length // 2)}/{'n' * (length - length // 2 - 1)}"

    assert [_first(entry_header(name, 0, 0)).name for name in (one_long, two_halves)] == [
        one_long,
        two_halves,
    ]


def test_a_plain_long_path_costs_no_pax_header() -> None:
    name = f"{UUID(int=0)}/representations/original/data/Content/une-deliberation.pdf.sig.xml"

    assert len(name) > 100
    assert entry_length(name, 513) == (512, 1024)


def test_the_digest_is_that_of_all_the_bytes_small_and_large() -> None:
    out = io.BytesIO()
    with TarWriter(out, 0) as tar:
        for number, size in enumerate((0, 1, 70_000, 3, 2_000_000)):
            tar.add(f"root/{number}", size, [bytes([number]) * size])
        digest = tar.finish()

    assert digest == hashlib.sha512(out.getvalue()).hexdigest()
    assert tar.position == len(out.getvalue())


def test_an_entry_of_another_size_than_announced_is_refused() -> None:
    with TarWriter(io.BytesIO(), 0) as tar, pytest.raises(ValueError, match="3 bytes announced, 4 written"):
        tar.add("root/a", 3, [b"four"])
