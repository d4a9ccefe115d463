"""huber (PyPI) drives the emulated Huber circulator. It speaks TCP and the emulator a pseudo-terminal: a bridge of bytes stands between."""

import asyncio
import sys

import serial
from huber import Bath


async def main(path):
    port = serial.Serial(path, 9600, timeout=0)
    loop = asyncio.get_running_loop()

    async def bridge(reader, writer):
        loop.add_reader(port.fileno(), lambda: writer.write(port.read(256)))
        while data := await reader.read(256):
            port.write(data)
        loop.remove_reader(port.fileno())

    server = await asyncio.start_server(bridge, "127.0.0.1", 0)
    Bath.port = server.sockets[0].getsockname()[1]
    async with Bath("127.0.0.1", comm_timeout=5.0) as bath:
        before = await bath.get()
        assert before["on"] is False, before
        assert 0.0 < before["temperature"]["bath"] < 60.0, before
        assert before["status"]["error"] is False and "error" not in before, before
        await bath.set_setpoint(21.5)
        assert await bath.get_setpoint() == 21.5
        await bath.set_setpoint(-10.25)
        assert await bath.get_setpoint() == -10.25, "two's complement"
        await bath.start()
        running = await bath.get()
        assert running["on"] is True and running["status"]["circulating"] and running["pump"]["speed"] > 0, running
        await bath.set_pump_speed(3000)
        await bath.stop()
        assert (await bath.get())["on"] is False
        try:
            await bath.get_process_temperature()
            raise AssertionError("it has no process sensor")
        except OSError as why:
            assert "not enabled" in str(why), why
    server.close()
    # The bridge ends with its client.
    await asyncio.sleep(0.1)


asyncio.run(main(sys.argv[1]))
print("huber drove it")
