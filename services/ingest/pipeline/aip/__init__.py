"""The AIP: one uncompressed TAR holding the files of one transfer and all that is known of them.

`builder.py` writes it; `layout.py` says where things stand; `mets.py`, `premis.py` and `catalogue.py` write
one document each; `shared/packaging` the archive itself. The format of the catalogue, which other rooms read, is in
`catalogue.py`.
"""
