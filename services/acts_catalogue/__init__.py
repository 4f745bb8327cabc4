"""The register of acts: every line that a room may write in a journal, what it says, and what it may hold."""
