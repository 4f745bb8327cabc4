"""Access: searches for people and machines, gives content, builds DIPs; changes nothing in the archive.

Hears ``dip.ordered.v1`` (its own, queue ``access.build_dip``). Asks data management and storage over HTTP, with
the caller's token while the caller waits. Every communication, granted or refused, is a line of the journal.
"""
