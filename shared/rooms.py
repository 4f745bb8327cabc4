"""The rooms there are, by name; in the order in which their tables are made."""

ROOMS = ("admin", "ingest", "storage", "data_management", "access", "proof")
