"""Who asks, and what they may do: permissions, roles, tokens, and the guard on every route."""
