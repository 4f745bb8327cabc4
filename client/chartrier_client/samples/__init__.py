"""A small municipal deposit made of nothing but code: true to life, invented, the same every time."""
