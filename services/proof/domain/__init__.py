"""The words of proof: lines, chains, and what verification finds."""
