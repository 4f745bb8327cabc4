"""Where a webhook may go, and where nobody's endpoint leads us."""

from ipaddress import ip_network

import pytest

from services.admin.domain.addresses import refused

NONE = ()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 (an address to refuse)
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.9.10",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
        "",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refused([address], NONE) == [address]


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2a01:e0a::1",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
        "2002:101:101::1",
    ],
)
def test_what_is_public_is_allowed(address: str) -> None:
    assert refused([address], NONE) == []


def test_a_network_that_the_operator_names_is_allowed_and_no_other_for_it() -> None:
    ours = (ip_network("10.20.0.0/16"), ip_network("fd12::/16"))

    assert refused(["10.20.1.1", "::ffff:10.20.1.1", "64:ff9b::10.20.1.1", "fd12::1"], ours) == []
    assert refused(["10.21.1.1", "::ffff:10.21.1.1", "127.0.0.1", "fd13::1"], ours) == [
        "10.21.1.1",
        "::ffff:10.21.1.1",
        "127.0.0.1",
        "fd13::1",
    ]


def test_one_address_among_good_ones_is_found() -> None:
    assert refused(["1.1.1.1", "127.0.0.1", "8.8.8.8"], NONE) == ["127.0.0.1"]
