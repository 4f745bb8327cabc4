"""The words of admin: organisations, agreements, clients and their secrets, rules."""
