"""The `chartrier` command behind `command.py`: its words, its actions, and how it answers."""
