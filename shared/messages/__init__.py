"""The contracts between rooms: one module per sender, facts in the past tense, versioned.

Within a version a field may be added with a default, never renamed or removed; any other change is a
new class on a new topic, sent beside the old one. A golden sample of each version is kept in the tests.
"""
