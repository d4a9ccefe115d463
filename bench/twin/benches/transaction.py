#!/usr/bin/env python3
"""Times transactions with the emulated controller behind PTY: bare pyserial, and mecompyapi. For `transaction.rs`.

usage: transaction.py PTY
"""

import statistics
import sys
import time
import types

ROUNDS = 1000


def crc(data):
    """CRC-16/XMODEM."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1) ^ 0x1021 if value & 0x8000 else value << 1
            value &= 0xFFFF
    return value


def timed(work):
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    took.sort()
    return f"{statistics.median(took) * 1e6:7.1f} us a transaction (median), {took[len(took) * 99 // 100] * 1e6:.1f} (p99)"


def pyserial(path):
    import serial

    with serial.Serial(path, 57600, timeout=1) as port:
        head = b"#010001?VR03E801"
        request = head + f"{crc(head):04X}\r".encode()

        def ask():
            port.write(request)
            if len(port.read(20)) != 20:
                raise RuntimeError("no answer")

        print(f"pyserial, read(20)   {timed(ask)}")


def mecompyapi(path):
    stub = types.ModuleType("ftd2xx")
    stub.FTD2XX = type("FTD2XX", (), {})
    stub.defines = types.ModuleType("ftd2xx.defines")
    sys.modules.update({"ftd2xx": stub, "ftd2xx.defines": stub.defines})
    from mecompyapi import tec

    controller = tec.MeerstetterTEC()
    controller.connect_serial_port(port=path)
    try:
        print(f"mecompyapi           {timed(controller.get_temperature)}")
    finally:
        controller.tear()


for client in (pyserial, mecompyapi):
    try:
        client(sys.argv[1])
    except Exception as error:  # whatever kept it from being timed, the other one is still worth it
        print(f"SKIPPED {client.__name__}: {type(error).__name__}: {error}")
