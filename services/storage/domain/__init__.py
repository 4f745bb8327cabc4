"""What storage knows, without database, network or disk: names of objects, sites, and the life of a copy."""
