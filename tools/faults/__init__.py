"""The fault matrix: every vendor call of the firmware x every way in which it may fail."""
