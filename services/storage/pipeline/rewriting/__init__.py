"""The partial purge: an AIP written anew without some of its units, a pure function of the AIP, the units and a plan.

`package.py` writes it; `scope.py` says what goes; `catalogue.py`, `manifest.py`, `premis.py`, `mets.py` and
`signatures.py` take it out of one document each; `splicing.py` copies XML byte for byte but for what is taken out.
"""
