"""MQTT: what boards say, published; commands, taken."""
