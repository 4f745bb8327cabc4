"""The key by which the archive signs: a port, and what may hold the key."""
