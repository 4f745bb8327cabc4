"""Resumable deposits: a SIP that comes in over several requests, by tus 1.0.0, and is then entered like any other."""
