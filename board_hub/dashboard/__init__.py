"""The hub's web side: a live dashboard in the browser, streams for other tools, and their API."""
