import io

import pytest
from typing_extensions import override

from chartrier_client.progress import Bar, amount, bar


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_one_line_and_cleared() -> None:
    out = Terminal()

    with bar(out, "envoi", "fr", shown=True) as drawn:
        assert drawn is not None
        drawn.draw(512, 2048)
        drawn(2048, 2048)

    first, second, blank, end = out.getvalue().split("\r")[1:]
    assert first == "envoi ██████░░░░░░░░░░░░░░░░░░  25% 512 o / 2,0 Kio"
    assert second.rstrip() == "envoi ████████████████████████ 100% 2,0 Kio / 2,0 Kio"
    assert (blank.strip(), end) == ("", "")


def test_nothing_is_drawn_where_nobody_looks_or_json_is_wanted() -> None:
    with bar(io.StringIO(), "envoi", "fr", shown=True) as unseen:
        assert unseen is None
    with bar(Terminal(), "envoi", "fr", shown=False) as unwanted:
        assert unwanted is None


def test_a_bar_that_hears_a_lot_draws_little() -> None:
    out = Terminal()
    drawn = Bar(out, "x", "en")

    for done in range(100_000):
        drawn(done, 1_000_000)

    assert out.getvalue().count("\r") < 1000


@pytest.mark.parametrize(
    ("size", "fr", "en"),
    [(0, "0 o", "0 B"), (1023, "1023 o", "1023 B"), (1536, "1,5 Kio", "1.5 KiB"), (5 << 40, "5,0 Tio", "5.0 TiB")],
)
def test_sizes_are_written_for_people(size: int, fr: str, en: str) -> None:
    assert (amount(size, "fr"), amount(size, "en")) == (fr, en)
