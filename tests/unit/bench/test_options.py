"""The command line of the bench."""

import pytest

from bench.options import MODES, WORKLOADS, parse, size_of


@pytest.mark.parametrize(
    ("text", "size"), [("65536", 65536), ("64KiB", 65536), ("1gib", 1 << 30), ("3 MiB", 3 << 20)]
)
def test_sizes_are_read_with_or_without_a_unit(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("arguments", [["--large-bytes", "1 league"], ["--large-bytes", "0"], ["--only", "vast"]])
def test_what_cannot_be_understood_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(arguments)
    assert refused.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_without_a_word_everything_is_measured_on_both_ways_of_running() -> None:
    asked = parse([])
    assert (asked.modes, asked.workloads) == (MODES, WORKLOADS)


def test_one_way_and_some_workloads_may_be_chosen() -> None:
    asked = parse(["--mode", "all-in-one", "--only", "large,small", "--large-bytes", "10GiB"])
    assert (asked.modes, asked.workloads, asked.large_bytes) == (("all-in-one",), ("large", "small"), 10 << 30)
