"""Message contracts and plumbing that two rooms or more use; no business rule."""
