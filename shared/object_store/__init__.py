"""Where bytes are kept: one port, two kinds of store, one contract (tests/contracts/test_object_store*.py).

`port` says what every store promises, `errors` what can go wrong, `opening` makes a store from its URL.
"""
