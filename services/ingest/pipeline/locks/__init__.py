"""Whether a file opens without a password, told from its bytes: one module a format. None of them raises."""
