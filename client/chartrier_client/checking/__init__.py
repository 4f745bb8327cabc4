"""What can be said of a package without an archive; `check.py` says it."""
