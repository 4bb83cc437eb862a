"""The board's end of an encrypted session under damage: no command but those that were sent."""

from test_session import Client

from firmware_app.wire import messages, packets

ROUNDS = 4000


class Dice:
    """The same numbers in both interpreters."""

    state = 2463534242

    def below(self, count: int) -> int:
        state = self.state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self.state = state
        return state % count


def damage(sealed: bytes, dice: Dice) -> bytes:
    """Return a packet that was altered before the CRC was made, or after."""
    body = bytearray(sealed)
    kind = dice.below(6)
    if kind == 0:
        body[dice.below(len(body))] ^= 1 << dice.below(8)
    elif kind == 1:
        number = (body[1] | body[2] << 8) + (1, 2, 256, 32768, 65535)[dice.below(5)]
        body[1], body[2] = number & 0xFF, number >> 8 & 0xFF
    elif kind == 2:
        body = body[: 1 + dice.below(len(body) - 1)]
    elif kind == 3:
        body = body + bytes([dice.below(256)])
    packet = bytearray(packets.packet_of(bytes(body)))
    if kind > 3:
        packet[dice.below(len(packet) - 1)] ^= 1 + dice.below(255)
    return bytes(packet)


def test_no_damaged_command_is_done() -> None:
    client = Client(True, False, encrypted=True)
    client.greet()
    assert client.prove()[0] == messages.READY
    dice = Dice()
    sent = []
    for number in range(1, ROUNDS + 1):
        payload = packets.payload_of([messages.REQUEST, 2 * number, "restart", {}])
        sealed = client.sealer.seal(payload)
        client.session.feed(damage(sealed, dice), 0)
        assert len(client.host.requests) == len(sent), number
        if number % 50 == 0:
            sent.append(number)
            client.session.feed(b"\0", 0)
            client.send([messages.REQUEST, 2 * number + 1, "status", {}])
            assert client.host.requests[-1] == (2 * number + 1, "status", {})
            client.session.reply(client.host.last, number)
            assert [messages.REPLY, 2 * number + 1, number] in client.received()
    assert client.session.open and client.host.faults == []
    assert client.session.decoder.rejected >= ROUNDS
