"""Canonical JSON, against another implementation of RFC 8785, and everything that is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rfc8785 import dumps

from chartrier_client.verifying.canonical import read_canonical
from chartrier_client.verifying.checks import Malformed

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53 - 1), 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_is_canonical_is_read(value: dict[str, Any]) -> None:
    assert read_canonical(dumps(value)) == value


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_every_other_form_is_refused(value: dict[str, Any]) -> None:
    for other in (json.dumps(value).encode(), json.dumps(value, indent=1).encode(), b" " + dumps(value)):
        if other != dumps(value):
            with pytest.raises(Malformed):
                read_canonical(other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":' * 100_000,
        '{"\U00010000":1,"\uffff":1}'.encode() + b" ",
        '{"\uffff":1,"\U00010000":1}'.encode(),
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_what_is_not_canonical_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_canonical(content)


def test_names_have_the_order_of_utf_16() -> None:
    content = '{"\U00010000":1,"\uffff":1}'.encode()

    assert dumps(json.loads(content)) == content
    assert len(read_canonical(content)) == 2
