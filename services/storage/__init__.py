"""Archival Storage (OAIS): keep AIPs and records on every site, say where they are, give their bytes back.

Sole writer of bytes on the sites, of AIP version numbers and of the copy map.
"""
