"""Echoes until the end of each direction (a half-close is answered with everything, then closed)."""
import asyncio
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, None, int(sys.argv[1]))
    async with server:
        await server.serve_forever()


asyncio.run(main())
