"""Who used how much."""

import subprocess
import sys

import pytest

from bench.processes import DEPOSITOR, Watch, is_ours, label_of

ROOMS = ("ingest", "storage")


@pytest.mark.parametrize(
    ("command", "above", "label"),
    [
        (("python", "-m", "services", "all-in-one"), DEPOSITOR, "all-in-one"),
        (("python", "-m", "services.ingest", "serve"), DEPOSITOR, "ingest"),
        (("python", "-c", "from multiprocessing.forkserver import main"), "ingest", "ingest children"),
        (("python", "-c", "from multiprocessing.forkserver import main"), "ingest children", "ingest children"),
        (("postgres: chartrier_ingest chartrier [local] INSERT", ""), "postgres server", "postgres ingest"),
        (("postgres: walwriter", ""), "postgres server", "postgres server"),
        (("/opt/pginstall/bin/postgres", "-D", "/data"), DEPOSITOR, "postgres server"),
        (("/usr/lib/erlang/erts/bin/beam.smp", "-W", "w"), "sh", "rabbitmq"),
        (("/opt/weed", "mini"), DEPOSITOR, "seaweedfs"),
        ((), "postgres server", "postgres server"),
        ((), DEPOSITOR, "?"),
    ],
)
def test_a_process_is_named_by_what_it_does(command: tuple[str, ...], above: str, label: str) -> None:
    assert label_of(command, above) == label


def test_only_our_own_code_counts_as_ours() -> None:
    assert is_ours("ingest children", ROOMS)
    assert is_ours("all-in-one", ROOMS)
    assert not is_ours("postgres ingest", ROOMS)
    assert not is_ours(DEPOSITOR, ROOMS)


def test_the_peak_and_the_cpu_of_a_process_below_us_are_seen_even_when_both_are_over() -> None:
    work = "x = bytearray(b'x' * (96 << 20)); del x; s = sum(range(8_000_000)); print('done', flush=True); input()"
    with Watch(ROOMS) as watch:
        child = subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
    child.communicate(b"\n")

    # Idle helpers that other tests left to this process may be seen beside it.
    seen = max(
        (usage for usage in watch.result.usages if usage.label.startswith("python")),
        key=lambda usage: usage.cpu_seconds,
    )
    assert seen.max_rss > 96 << 20
    assert seen.cpu_seconds > 0.05
    assert 0 < seen.max_private <= seen.max_rss
    assert watch.result.cpu_seconds == pytest.approx(
        sum(usage.cpu_seconds for usage in watch.result.usages if usage.label != DEPOSITOR)
    )
