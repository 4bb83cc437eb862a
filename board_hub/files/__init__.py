"""Files with everything that arrives."""
