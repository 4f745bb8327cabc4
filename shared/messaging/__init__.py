"""Say a fact once, hear it once: outbox, inbox, relay, consumers, leased work, two transports."""
