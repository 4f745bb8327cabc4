"""Attestations: what a judge, or whoever entrusted archives, is handed; a page that stands without us, signed."""
