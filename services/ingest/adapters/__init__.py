"""What ingest talks to outside itself: the scanner, the format identifier, child processes, admin's rules."""
