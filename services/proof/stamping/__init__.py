"""Time-stamps (RFC 3161) of outside authorities: asked for, checked whole, and kept with all that verifies them."""
