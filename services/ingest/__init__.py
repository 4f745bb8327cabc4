"""Ingest (OAIS): receive a SIP, check it, decide, build its AIP, answer the depositor.

Sole writer of transfers, findings, acknowledgements and replies.
"""
