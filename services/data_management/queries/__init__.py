"""Every question data management asks its database. Callers own the transaction and have set its scope."""
