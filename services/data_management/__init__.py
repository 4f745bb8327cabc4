"""Data management: sole writer of descriptions, and the catalogue in which units and objects are found.

Hears ``aip.stored.v1`` (queue ``data_management.take_aip``), says ``aip.catalogued.v1``. What it loads is the
AIP's own ``catalogue.ndjson``, read from storage: so the catalogue can be rebuilt from storage alone.
"""
