"""Every error that a room may answer with, explained: docs/errors.md.

``python -m services.problems_catalogue`` prints the document (``make errors`` writes it). What an error says is read
from the code that says it; when it comes and what a client does about it is in ``entries.toml``. To document a new
code, add an entry there and run ``make errors``; the tests say which code or value is missing.
"""
