"""The only room that touches `network`: brings up what service.yaml names.

Sockets work on the board only once an interface was constructed.
"""

import network


def bring_up(settings, log):
    """Return the interface, kept for as long as the service runs; OSError where there is none.

    With interface `none` the network is somebody else's; an interface is constructed all the same, because
    sockets need one.
    """
    kind = settings["interface"]
    if kind == "station":
        nic = network.WLAN(network.STA_IF)
        if not nic.isconnected():
            log.info("joining the Wi-Fi network %s" % settings["ssid"])
            # Blocks for seconds with the interpreter held: only here, at the start.
            if not nic.connect(settings["ssid"], settings["password"]):
                log.warning(
                    "network: the Wi-Fi network %s can't be joined; clients may come later"
                    % settings["ssid"]
                )
        return nic
    if kind == "access_point":
        nic = network.WLAN(network.AP_IF)
        nic.config(ssid=settings["ssid"], key=settings["password"])
        return nic
    if kind == "ethernet":
        return network.LAN()
    try:
        return network.WLAN(network.STA_IF)
    except (OSError, RuntimeError, ValueError):
        return network.LAN()
