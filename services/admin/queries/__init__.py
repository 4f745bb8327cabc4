"""Every question admin asks its database, one module a subject. Callers own the transaction."""
