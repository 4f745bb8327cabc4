"""Explain a refusal of the grammar through `xmlschema`: what stood there, and what was expected, in two languages.

libxml2 has judged; here nothing is judged again. `grammar.py` loads the same grammar, `contents.py` asks its content
models what may stand where, `kinds_of_values.py` says its types in words, `explain.py` makes a finding of it.
"""
