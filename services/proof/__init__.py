"""Proof keeps the journals: what happened, in order, so that nothing of it can change unseen.

Hears `journal.lines.v1`. Says `deposit.recorded.v1` once the lines of an accepted transfer are kept.
Owns the journals and their lines, one journal per kind of line and establishment (or the platform).
"""
