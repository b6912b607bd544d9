"""What there is of RTP (RFC 3550) in a capture by tcpdump: which packets, and the jitter of section 6.4.1."""
import collections
import struct

CLOCK = 8000  # of G.711
SIZE = 12 + 160  # octets of a packet with 20 ms of it
LINK = {1: 14, 113: 16}  # Ethernet, Linux "cooked": octets in front of the IP header


Packet = collections.namedtuple("Packet", "time source destination payload")


def packets(path):
    """The UDP packets over IPv4."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    skip = LINK[struct.unpack_from(order + "I", data, 20)[0]]
    at = 24
    while at + 16 <= len(data):
        seconds, micro, kept, _ = struct.unpack_from(order + "IIII", data, at)
        packet = data[at + 16 + skip:at + 16 + kept]
        at += 16 + kept
        if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != 17:
            continue
        udp = packet[(packet[0] & 15) * 4:]
        source, destination = struct.unpack_from(">HH", udp)
        yield Packet(seconds + micro / 1e6, source, destination, udp[8:])


def quality(path, chosen):
    """(numbers of the packets, jitter in milliseconds, largest gap in milliseconds)"""
    seen, jitter, gap, before = set(), 0.0, 0.0, None
    for packet in packets(path):
        time, payload = packet.time, packet.payload
        if not chosen(packet):
            continue
        # What was sent by one call (UDP_SEGMENT) passes lo as one packet, and is parted afterwards.
        for begin in range(0, len(payload), SIZE):
            if len(payload) - begin < 12 or payload[begin] >> 6 != 2:
                continue
            number, stamp = struct.unpack_from(">HI", payload, begin + 2)
            if number in seen:
                continue  # lo shows a packet once, but be sure
            seen.add(number)
            if before:
                moved = (time - before[0]) * CLOCK - ((stamp - before[1] + 2**31) % 2**32 - 2**31)
                jitter += (abs(moved) - jitter) / 16
                gap = max(gap, time - before[0])
            before = time, stamp
    return seen, jitter / CLOCK * 1000, gap * 1000
