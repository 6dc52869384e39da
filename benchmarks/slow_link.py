"""A link with a round trip of so many milliseconds and endless width: a TCP proxy that hands on each piece late.

Words: PORT (where to), MILLISECONDS. Prints its own port.
"""

import asyncio
import sys


async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """What came is delivered `delay` seconds after it came, however much comes meanwhile."""
    loop = asyncio.get_running_loop()
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            moment, piece = await due.get()
            await asyncio.sleep(moment - loop.time())
            if not piece:
                writer.close()
                return
            writer.write(piece)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    while piece := await reader.read(1 << 20):
        due.put_nowait((loop.time() + delay, piece))
    due.put_nowait((loop.time() + delay, b""))
    await delivery


async def main(port: int, milliseconds: float) -> None:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        delay = milliseconds / 2000
        await asyncio.gather(
            hand_on(reader, far_writer, delay), hand_on(far_reader, writer, delay), return_exceptions=True
        )

    server = await asyncio.start_server(join, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
