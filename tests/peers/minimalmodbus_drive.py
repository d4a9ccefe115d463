#!/usr/bin/env python3
"""Drives an emulated Modbus device with minimalmodbus, a Modbus-RTU client that we did not write.

usage: minimalmodbus_drive.py PTY

The device is "io" of the rig "modbus". Reads its values, writes and reads back, meets its refusals by name, and lets its watchdog
switch its output off. Exits 0 if everything was as it must be, else 1 with words, 2 if minimalmodbus is not installed.
"""

import sys
import time

try:
    import minimalmodbus
except ImportError as error:
    print(f"minimalmodbus is not installed: {error}", file=sys.stderr)
    sys.exit(2)


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")
    print(f"ok  {what}: {found!r}")


def refused(what, attempt, wanted):
    try:
        attempt()
    except minimalmodbus.SlaveReportedException as error:
        expect(what, wanted in str(error), True)
    else:
        raise AssertionError(f"{what}: it was not refused")


def drive(pty):
    device = minimalmodbus.Instrument(pty, 7)
    # A pseudo-terminal has no parity; the rig file's is the wire's.
    device.serial.baudrate = 19200
    device.serial.timeout = 1.0
    expect("serial number", device.read_register(21), 4242)
    room = device.read_register(2, number_of_decimals=1, functioncode=4, signed=True)
    expect("a room's temperature", -20.0 < room < 60.0, True)
    expect("two values at once", len(device.read_registers(2, 2, functioncode=4)), 2)
    device.write_register(10, 1500, functioncode=6)
    expect("fan speed by function 6", device.read_register(10), 1500)
    device.write_register(10, 1234, functioncode=16)
    expect("fan speed by function 16", device.read_register(10), 1234)
    refused("a register it does not have", lambda: device.read_register(99), "illegal data address")
    refused("a register that is only read", lambda: device.write_register(21, 1, functioncode=6), "illegal data address")
    refused("a stretch with a hole", lambda: device.read_registers(20, 5), "illegal data address")
    device.write_register(20, 2, functioncode=6)
    device.write_bit(0, 1)
    expect("coil by function 5", device.read_bit(0, functioncode=1), 1)
    device.write_bits(0, [1])
    expect("coil by function 15", device.read_bit(0, functioncode=1), 1)
    # Longer than its watchdog: this is about wall time, so it has to pass.
    time.sleep(2.5)
    expect("coil after two seconds of silence", device.read_bit(0, functioncode=1), 0)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 1
    try:
        drive(sys.argv[1])
    except Exception as error:  # a client's time-out or a closed port fails the check as well
        print(f"FAILED  {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("minimalmodbus drove the device")
    return 0


if __name__ == "__main__":
    sys.exit(main())
