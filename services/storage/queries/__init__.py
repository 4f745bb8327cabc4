"""Every question storage asks its database, and every line it writes there. Callers own the transaction."""
