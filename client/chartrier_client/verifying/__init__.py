"""What can be said of proofs without the archive: no network, no database; `verify.py` says it.

Written from docs/proof-format.md and docs/journal-format.md alone, so that an error of the archive's own programs is
not repeated here. Its packages are those of the extra `verify`; only these modules import them.
"""
