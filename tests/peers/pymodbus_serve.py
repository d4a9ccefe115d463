#!/usr/bin/env python3
"""Serves a Modbus-RTU device made by pymodbus, which we did not write, on one end of a pair of pseudo-terminals.

usage: pymodbus_serve.py

Prints the path of the other end once it listens, and serves until standard input closes. Device 7 has, by address from 0:

  holding 10      a set point, tenths, writable        input 2, 3    -1.5 and 2000.0, tenths
  holding 20      a watchdog's time, s, writable       input 4, 5    the float pi, high word first
  holding 21      the serial number 4242               coil 0        a switch, off

Needs pymodbus from PyPI (BSD) with pyserial. Exits 2 if it is not installed.
"""

import asyncio
import os
import sys
import threading
import tty

try:
    from pymodbus import FramerType
    from pymodbus.server import ModbusSerialServer
    from pymodbus.simulator import DataType, SimData, SimDevice
except ImportError as error:
    print(f"pymodbus is not installed: {error}", file=sys.stderr)
    sys.exit(2)


def pair():
    """Two pseudo-terminals whose masters are joined: what goes into one slave comes out of the other."""
    ends = [os.openpty(), os.openpty()]
    for master, slave in ends:
        tty.setraw(slave)
    for here, there in [(0, 1), (1, 0)]:

        def carry(source=ends[here][0], sink=ends[there][0]):
            while True:
                os.write(sink, os.read(source, 512))

        threading.Thread(target=carry, daemon=True).start()
    return [os.ttyname(slave) for _, slave in ends]


def device():
    def words(address, *values, readonly=False):
        return SimData(address, values=list(values), datatype=DataType.REGISTERS, readonly=readonly)

    coils = [SimData(0, values=[False], datatype=DataType.BITS)]
    discrete = [SimData(0, values=[False], datatype=DataType.BITS)]
    holding = [words(10, 200), words(20, 0, 4242)]
    inputs = [words(2, 0xFFF1, 20000, 0x4049, 0x0FDB)]
    return SimDevice(7, simdata=(coils, discrete, holding, inputs))


async def serve(ours, theirs):
    server = ModbusSerialServer(context=device(), framer=FramerType.RTU, port=ours, baudrate=19200)
    await server.serve_forever(background=True)
    print(theirs, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(*pair()))
    # The threads that carry bytes never end by themselves.
    os._exit(0)
