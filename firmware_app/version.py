"""The version of the product, firmware and host alike; pyproject.toml reads it from here."""

VERSION = "0.1.0"
