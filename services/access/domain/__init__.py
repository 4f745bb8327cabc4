"""The words of access: representations and ranges of them, DIPs and what they hold."""
