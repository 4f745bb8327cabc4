"""The rooms of the archive, one per OAIS functional entity, and the ways to run them together."""
