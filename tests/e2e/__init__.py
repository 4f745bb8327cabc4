"""The whole archive, all-in-one or full stack, as its users and its mishaps meet it."""

import pytest

# Its assertions are to explain themselves like those of the tests that call them.
pytest.register_assert_rewrite("tests.e2e.moments")
