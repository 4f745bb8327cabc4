"""An archive whose databases are gone, made again from one of its sites: what every room keeps, fed from storage.

    journals ──► heads of the chains, and what lines say (by what they are about, in a scratch file)
    records  ──► organisations, profiles, agreements, rules; ingest's projections
    packages ──► holdings and copies, catalogue, transfers

Each room's own part is its module `rebuilding`; only this package, like every composition root, sees several rooms.
It adds what is missing and changes nothing that is there: killed anywhere and run again, it comes to the same end.
"""
