"""The same as telling.js, by asyncio."""
import asyncio
import sys


class Answers(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data + b" from asyncio", address)


async def main(host, port):
    own, _ = await asyncio.get_running_loop().create_datagram_endpoint(Answers, local_addr=("0.0.0.0", 0))
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"%d\n" % own.get_extra_info("sockname")[1])
    print((await reader.readline()).decode(), end="")
    writer.close()
    own.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
