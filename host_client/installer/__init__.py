"""Install the service on a board, or on an SD card in this computer's reader."""
