"""The bench: what the archive costs, as ratios against plain Python doing the bare minimum on the same machine."""
