"""The virtual board: stand-ins for the K230's modules and the silicon behind them."""
