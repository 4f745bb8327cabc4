"""The making of a DIP."""
