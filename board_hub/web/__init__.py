"""The hub's one web application: status, metrics, service discovery, and what the dashboard adds."""
