"""Ours: what the stand-ins beside this folder share. A board has none of it."""
