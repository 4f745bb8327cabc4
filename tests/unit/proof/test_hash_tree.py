"""Hash trees as RFC 4998 has them: nodes, a last one without neighbour, groups, and the way of every leaf."""

import hashlib
from collections.abc import Iterable
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.proof.domain.hash_tree import HashTree, group_value, split

SIZES = {"sha256": 32, "sha512": 64, "sha3_512": 64}


def h(*contents: bytes, algorithm: str = "sha512") -> bytes:
    return hashlib.new(algorithm, b"".join(contents)).digest()


def node(*values: bytes) -> bytes:
    return h(*sorted(values))


A, B, C, D, E = (h(letter) for letter in (b"a", b"b", b"c", b"d", b"e"))

digests = st.binary(min_size=64, max_size=64)


def arrived(own: Iterable[bytes], tree: HashTree, position: int) -> bytes:
    """Go the way of docs/proof-format.md, "To verify a path"."""
    lists = [tuple(own), *tree.path(position)]
    first = lists[0][0] if len(lists[0]) == 1 else node(*lists[0])
    return reduce(lambda value, members: node(value, *members), lists[1:], first)


@pytest.mark.parametrize(
    ("values", "root"),
    [
        ([A], A),
        ([A, B], node(A, B)),
        ([B, A], node(A, B)),
        ([A, B, C], node(node(A, B), C)),
        ([A, B, C, D, E], node(node(node(A, B), node(C, D)), E)),
        ([A, A], h(A, A)),
    ],
)
def test_two_neighbours_make_a_node_in_binary_order_and_a_last_one_goes_up_as_it_is(
    values: list[bytes], root: bytes
) -> None:
    assert HashTree(values).root == root


def test_a_path_has_the_neighbour_of_each_level_and_nothing_where_there_is_none() -> None:
    tree = HashTree([A, B, C, D, E])

    assert tree.path(2) == ((D,), (node(A, B),), (E,))
    assert tree.path(4) == ((node(node(A, B), node(C, D)),),)
    assert HashTree([A]).path(0) == ()


@given(st.lists(digests, min_size=1, max_size=70), st.sampled_from(sorted(SIZES)))
def test_every_leaf_has_a_way_to_the_root(contents: list[bytes], algorithm: str) -> None:
    values = [h(content, algorithm=algorithm) for content in contents]
    tree = HashTree(values, algorithm)

    for position, value in enumerate(values):
        for (neighbour,) in tree.path(position):
            value = h(*sorted([value, neighbour]), algorithm=algorithm)  # noqa: PLW2901 (that is the way up)
        assert value == tree.root


@given(st.lists(digests, min_size=2, max_size=40, unique=True), st.data())
def test_no_other_leaf_arrives_by_a_leafs_way(values: list[bytes], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(values) - 1))

    assert arrived([h(b"another")], HashTree(values), position) != HashTree(values).root


@given(
    st.lists(st.sets(digests, min_size=1, max_size=5), min_size=1, max_size=9),
    st.lists(st.sets(digests, min_size=1, max_size=5), min_size=0, max_size=9),
)
def test_groups_and_trees_within_a_tree_lead_to_its_root(inner: list[set[bytes]], outer: list[set[bytes]]) -> None:
    lines = HashTree([group_value(group) for group in inner])
    tree = HashTree([*(group_value(group) for group in outer), lines.root])

    for position, group in enumerate(outer):
        assert arrived(group, tree, position) == tree.root
    for position, group in enumerate(inner):
        way = [tuple(sorted(group)), *lines.path(position), *tree.path(len(outer))]
        first, *above = way
        value = first[0] if len(first) == 1 else node(*first)
        assert reduce(lambda value, members: node(value, *members), above, value) == tree.root


@given(st.lists(digests, min_size=1, max_size=30))
def test_a_group_is_the_same_in_any_order_and_however_often_a_digest_is_in_it(members: list[bytes]) -> None:
    once = sorted(set(members))

    assert group_value(reversed(members * 2)) == (once[0] if len(once) == 1 else h(*once))


def test_leaves_may_be_given_as_one_run_of_bytes() -> None:
    assert HashTree(A + B + C).root == HashTree([A, B, C]).root
    assert HashTree(A[:32] + B[:32], "sha256").root == HashTree([A[:32], B[:32]], "sha256").root
    assert split(A + B) == [A, B]


@pytest.mark.parametrize("values", [[], b"", [A, B[:-1]], A + B[:-1], [A + B]])
def test_what_is_no_list_of_digests_makes_no_tree(values: list[bytes] | bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        HashTree(values)


@pytest.mark.parametrize("algorithm", ["", "sha-512", "shake_256", "sha512_256", "new"])
def test_an_algorithm_is_one_that_every_python_has_with_digests_of_one_size(algorithm: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        HashTree([A], algorithm)


@pytest.mark.parametrize("position", [-1, 3])
def test_a_leaf_that_is_not_there_has_no_way(position: int) -> None:
    with pytest.raises(IndexError):
        HashTree([A, B, C]).path(position)


def test_a_group_of_nothing_has_no_value() -> None:
    with pytest.raises(ValueError, match="one digest"):
        group_value([])


def test_a_day_of_a_hundred_thousand_packages_is_one_tree_of_few_levels() -> None:
    tree = HashTree(b"".join(h(b"%d" % number) for number in range(100_000)))

    assert len(tree.path(0)) == 17
    assert arrived([h(b"99999")], tree, 99_999) == tree.root
