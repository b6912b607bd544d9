"""asyncio_client.py HOST ECHO_PORT CLOSED_PORT: connects at once; the loop must go on meanwhile."""
import asyncio
import sys

host, echo_port, closed_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


async def attempt(name, where, port):
    try:
        reader, writer = await asyncio.open_connection(where, port)
        writer.write(b"x" * 1_000_000)
        writer.write_eof()
        got = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return f"{name}: {len(got)} octets, peer port {writer.get_extra_info('peername')[1]}"
    except OSError as error:
        return f"{name}: {type(error).__name__} {error.errno}"


async def main():
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    heart = asyncio.create_task(beat())
    for line in await asyncio.gather(*(attempt(f"echo {n}", host, echo_port) for n in range(10)),
                                     attempt("closed", host, closed_port),
                                     attempt("unknown", "nobody." + host, echo_port)):
        print(line)
    heart.cancel()
    print("the loop went on" if beats > 5 else f"the loop was blocked ({beats} beats)")


asyncio.run(main())
