"""What admin does on request, one module a subject: decide, write, post, journal."""
