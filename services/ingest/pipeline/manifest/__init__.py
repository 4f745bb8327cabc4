"""Read a SEDA manifest of any length as a stream: prolog, schema, then flat records.

`prolog.py` refuses what must never reach the parser; `reader.py` drives libxml2; `builder.py` makes the model
from the elements as they end; `schema_errors.py` places and translates what libxml2 says against the schema,
`extracts.py` keeps of each refusal what it is explained from. `hidden.py` reads once more, by `frames.py`, where one
refusal may hide others.
"""
