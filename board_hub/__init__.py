"""The hub: one session with each board, and its results where people already look for them."""
