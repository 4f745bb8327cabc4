"""Nonsense for the readers of packages, made by rules and by chance, and a child process that judges it."""
