"""Admin keeps who may do what: organisations, agreements, profiles, clients and their mandates, tokens, rule codes.

Hears nothing. Says `organisation.changed.v1` and `agreement.published.v1` with each full new state, and
`profile.published.v1` with all of a profile but its bytes.
"""
