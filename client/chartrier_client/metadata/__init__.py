"""Descriptions in a CSV file: which columns there are, what a cell may hold, and every fault of the file at once."""
