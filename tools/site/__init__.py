"""What the documentation site has beside docs/: pages that are made while it is built (mkdocs.yml)."""
