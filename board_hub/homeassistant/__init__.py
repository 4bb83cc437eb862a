"""Home Assistant by MQTT discovery: each board is a device that appears by itself."""
