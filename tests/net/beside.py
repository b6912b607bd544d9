#!/usr/bin/env python3
"""A bulk and a dialogue at once, to one echo server: `beside.py HOST PORT`. Each number on standard input asks
for so many exchanges of the dialogue; answered by a line of JSON: the longest of them in seconds, and the
octets of the bulk that have come back so far, all of them checked. At the end of the input both end."""
import asyncio
import hashlib
import json
import sys
import time

BLOCK, PAUSE, AHEAD = 16 * 1024, 0.002, 4 << 20


def block(number):
    return hashlib.shake_128(number.to_bytes(8, "big")).digest(BLOCK)


class Bulk:
    def __init__(self):
        self.sent = self.back = 0
        self.ending = False

    async def send(self, writer):
        while not self.ending:
            if (self.sent - self.back) * BLOCK < AHEAD:
                writer.write(block(self.sent))
                self.sent += 1
                await writer.drain()
            await asyncio.sleep(PAUSE)
        writer.write_eof()

    async def receive(self, reader):
        while True:
            try:
                got = await reader.readexactly(BLOCK)
            except asyncio.IncompleteReadError as end:
                if end.partial or self.back != self.sent:
                    raise SystemExit(f"the bulk ended behind {self.back} of {self.sent} blocks") from None
                return
            if got != block(self.back):
                raise SystemExit(f"block {self.back} came back changed")
            self.back += 1


async def exchange(reader, writer, number):
    began = time.monotonic()
    line = b"%d\n" % number
    writer.write(line)
    if await reader.readline() != line:
        raise SystemExit(f"exchange {number} was answered wrongly")
    return time.monotonic() - began


async def main(host, port):
    bulk, number = Bulk(), 0
    bulk_reader, bulk_writer = await asyncio.open_connection(host, port)
    reader, writer = await asyncio.open_connection(host, port)
    sending = asyncio.create_task(bulk.send(bulk_writer))
    receiving = asyncio.create_task(bulk.receive(bulk_reader))
    while line := await asyncio.to_thread(sys.stdin.readline):
        longest = 0.0
        for _ in range(int(line)):
            longest = max(longest, await exchange(reader, writer, number))
            number += 1
            await asyncio.sleep(PAUSE)
        print(json.dumps({"longest": longest, "bulk": bulk.back * BLOCK}), flush=True)
    bulk.ending = True
    await asyncio.gather(sending, receiving)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
