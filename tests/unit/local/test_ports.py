import socket
import subprocess
import sys

import pytest

from services.local import ports


@pytest.fixture
def listener() -> socket.socket:
    line = socket.socket()
    line.bind(("127.0.0.1", 0))
    line.listen()
    return line


def test_a_port_somebody_listens_on_is_not_free(listener: socket.socket) -> None:
    with listener:
        assert not ports.is_free(listener.getsockname()[1])


def test_a_port_is_free_again_once_its_listener_is_gone(listener: socket.socket) -> None:
    with listener:
        port = listener.getsockname()[1]
    assert ports.is_free(port)


def test_chosen_ports_are_distinct_free_and_below_those_lent_to_outgoing_connections() -> None:
    chosen = ports.free_ports(50)
    assert len(set(chosen)) == 50
    assert all(ports.FIRST <= port < ports.LAST and ports.is_free(port) for port in chosen)


def test_a_chosen_port_can_be_listened_on_again_and_again() -> None:
    (port,) = ports.free_ports(1)

    for _ in range(3):
        with socket.create_server(("127.0.0.1", port)):
            assert not ports.is_free(port)
    assert ports.is_free(port)


def test_who_chooses_meanwhile_in_another_process_is_given_other_ports() -> None:
    (port,) = ports.free_ports(1)
    choosing = (
        "import sys; from services.local import ports; ports.FIRST, ports.LAST = int(sys.argv[1]), int(sys.argv[2]);"
    )

    on_that_port_alone = (sys.executable, "-c", f"{choosing} ports.free_ports(1)", str(port), str(port + 1))
    other = subprocess.run(on_that_port_alone, capture_output=True, check=False, text=True)

    assert "NoFreePortError" in other.stderr


def test_a_port_already_promised_is_not_chosen() -> None:
    everything_but_three = set(range(ports.FIRST, ports.LAST)) - set(ports.free_ports(3))
    with pytest.raises(ports.NoFreePortError):
        ports.free_ports(4, taken=everything_but_three)


def test_remembered_ports_are_kept_while_they_are_free() -> None:
    known = ports.free_ports(3)
    assert ports.keep_or_replace(known, 3) == known


def test_remembered_ports_are_all_replaced_when_one_was_taken(listener: socket.socket) -> None:
    with listener:
        known = (*ports.free_ports(2), listener.getsockname()[1])
        assert not set(known) & set(ports.keep_or_replace(known, 3))
