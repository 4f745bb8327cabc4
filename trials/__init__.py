"""Long trials of the whole archive: seeded, resumable, bounded; their results are kept in docs/trials."""
