#!/usr/bin/env python3
"""The ordinary host beyond the service, which knows nothing of Culvert: HTTP on port 80 (every GET
answers one page), echo on port 7 (RFC 862, TCP and UDP), and a port 81 that nobody listens on."""
import asyncio

PAGE = b"hello from an ordinary host\n"


async def serve_web(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        body = b"" if head.startswith(b"HEAD ") else PAGE
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(PAGE) + body)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(EchoDatagrams, ("::", 7))
    await asyncio.start_server(serve_web, None, 80)
    await asyncio.start_server(echo, None, 7)
    await asyncio.Event().wait()


asyncio.run(main())
