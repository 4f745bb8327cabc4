"""What access talks to."""
