"""Read a SIP's container without ever unpacking it: entries in order, bytes as streams, limits as they arrive.

`archive.py` says what the container is; `zip_directory.py`, `zip_entry.py`, `tar_entries.py` and `tar_headers.py`
read it; `names.py` judges names; `survey.py` looks at the whole before any file is trusted; `package.py` opens
what was judged once more, to pack it.
"""
