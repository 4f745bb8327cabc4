"""The words of ingest: transfers, SIPs, findings, build plans. Plain Python only."""
