"""What admin works with outside of its database."""
