# SPDX-License-Identifier: Apache-2.0
"""A guest with a TCP stack of its own, as small ones are: one connection at a time, a window of a
segment or a few, no options but the MSS, and an initial sequence number of its choice.

    small_stack.py DEVICE ADDRESS TARGET PORT REQUEST BYTES PORT-OF-ITS-OWN WINDOW:ACKNOWLEDGMENTS...

For each WINDOW it fetches BYTES from TARGET and prints the window, how it acknowledges, the seconds
it took and the SHA-256 of what came. ACKNOWLEDGMENTS are

  each      each segment
  second    each second segment, or after 200 ms: no window updates
  update    as 'second', and when half of the window has come

and 'again' begins each connection at one port with one number.
"""

import hashlib
import select
import socket
import struct
import sys
import time

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
DELAY = 0.2
DEADLINE = 60


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


class Guest:
    def __init__(self, device, address, target):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((device, 0))
        self.mac = bytes([2, 0, 0, 0, 0, 9])
        self.address = socket.inet_aton(address)
        self.target = socket.inet_aton(target)
        self.router = None

    def receive(self, timeout):
        """The next frame for this guest, or None."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            frame, (_, _, kind, _, _) = self.socket.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING and frame[:6] in (self.mac, b'\xff' * 6):
                if frame[12:14] == b'\x08\x06' and frame[20:22] == b'\0\1':
                    if frame[38:42] == self.address:
                        self.arp(2, frame[6:12], frame[22:32])
                    continue
                return frame

    def arp(self, operation, to, target):
        self.socket.send(
            to + self.mac + b'\x08\x06' + struct.pack('!HHBBH', 1, 0x0800, 6, 4, operation)
            + self.mac + self.address + target)

    def find_router(self):
        for _ in range(30):
            self.arp(1, b'\xff' * 6, b'\0' * 6 + self.target)
            frame = self.receive(1)
            while frame is not None:
                if frame[12:14] == b'\x08\x06' and frame[28:32] == self.target:
                    self.router = frame[22:28]
                    return
                frame = self.receive(1)
        sys.exit('nobody answers ARP')


class Connection:
    def __init__(self, guest, port, own_port, number, window):
        self.guest, self.port, self.own_port = guest, port, own_port
        self.next, self.window, self.expected = number, window, 0

    def send(self, flags, data=b'', options=b'', sequence=None):
        guest = self.guest
        header = struct.pack(
            '!HHIIBBHHH', self.own_port, self.port,
            (self.next if sequence is None else sequence) & 0xFFFFFFFF,
            self.expected & 0xFFFFFFFF if flags & ACK else 0,
            (20 + len(options)) << 2, flags, self.window, 0, 0) + options + data
        pseudo = guest.address + guest.target + struct.pack('!HH', 6, len(header))
        header = header[:16] + struct.pack('!H', checksum(pseudo + header)) + header[18:]
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(header), 1, 0, 64, 6, 0)
        ip += guest.address + guest.target
        ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
        guest.socket.send(guest.router + guest.mac + b'\x08\x00' + ip + header)

    def receive(self, timeout):
        """Flags, sequence, acknowledgment and data of the next segment, or None."""
        end = time.monotonic() + timeout
        while True:
            frame = self.guest.receive(end - time.monotonic())
            if frame is None:
                return None
            if frame[12:14] != b'\x08\x00' or frame[23] != 6:
                continue
            length = struct.unpack('!H', frame[16:18])[0]
            tcp = frame[14 + (frame[14] & 15) * 4:14 + length]
            source, port, sequence, acknowledgment = struct.unpack('!HHII', tcp[:12])
            if (source, port) == (self.port, self.own_port):
                return tcp[13], sequence, acknowledgment, tcp[(tcp[12] >> 4) * 4:]

    def open(self):
        first = self.next
        for _ in range(10):
            self.send(SYN, options=struct.pack('!BBH', 2, 4, 1460), sequence=first)
            end = time.monotonic() + 1
            segment = self.receive(1)
            while segment is not None:
                flags, sequence, acknowledgment, _ = segment
                if flags & RST:
                    sys.exit('refused')
                if flags & SYN and acknowledgment == (first + 1) & 0xFFFFFFFF:
                    self.next, self.expected = first + 1, (sequence + 1) & 0xFFFFFFFF
                    self.send(ACK)
                    return
                # RFC 9293, section 3.10.7.3: of an old connection that this end knows nothing of.
                self.send(RST, sequence=acknowledgment)
                segment = self.receive(max(0, end - time.monotonic()))
        sys.exit('no answer to the SYN')

    def fetch(self, request, count, how):
        self.send(PSH | ACK, request)
        self.next += len(request)
        digest, received, unanswered, unanswered_bytes = hashlib.sha256(), 0, 0, 0
        last = time.monotonic()
        while True:
            segment = self.receive(DELAY if unanswered else DEADLINE)
            if segment is None:
                if not unanswered:
                    sys.exit('nothing comes any more, after %d bytes' % received)
                self.send(ACK)
                unanswered = unanswered_bytes = 0
                continue
            flags, sequence, _, data = segment
            if flags & RST:
                sys.exit('reset after %d bytes' % received)
            if not data and not flags & FIN:
                continue
            if sequence != self.expected:
                self.send(ACK)
                continue
            if len(data) > self.window:
                sys.exit('%d bytes in a window of %d' % (len(data), self.window))
            digest.update(data)
            received += len(data)
            self.expected = (self.expected + len(data)) & 0xFFFFFFFF
            unanswered += 1
            unanswered_bytes += len(data)
            if flags & FIN:
                self.expected = (self.expected + 1) & 0xFFFFFFFF
                self.send(FIN | ACK)
                self.next += 1
                self.close()
                return received, digest.hexdigest()
            if (how == 'each' or unanswered == 2
                    or (how == 'update' and unanswered_bytes >= self.window // 2)):
                self.send(ACK)
                unanswered = unanswered_bytes = 0

    def close(self):
        segment = self.receive(2)
        while segment is not None and segment[2] != self.next & 0xFFFFFFFF:
            segment = self.receive(2)
        if segment is None:
            sys.exit('the FIN is not acknowledged')


def main():
    device, address, target, port, request, count, own_port = sys.argv[1:8]
    guest = Guest(device, address, target)
    guest.find_router()
    own_port = int(own_port)
    for i, run in enumerate(sys.argv[8:]):
        window, how = run.split(':')
        again = how == 'again'
        number = 6510 if again else 1 + i * 1_000_003
        connection = Connection(
            guest, int(port), own_port if again else own_port + i, number, int(window))
        begin = time.monotonic()
        connection.open()
        received, digest = connection.fetch(
            (request + '\n').encode(), int(count), 'each' if again else how)
        if received != int(count):
            sys.exit('%d bytes came' % received)
        print(window, how, '%.3f' % (time.monotonic() - begin), digest, flush=True)


main()
