"""Archival profiles as files: read safely, compiled from nothing but themselves; what two rooms must do alike.

Whatever admin has taken, ingest compiles by the same code.
"""
