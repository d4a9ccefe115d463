#!/usr/bin/env python3
"""Drives an emulated SCPI supply with PyMeasure through pyvisa-py, neither of which we wrote.

usage: pymeasure_drive.py PTY

Takes it for the first output of a Keysight E36312A: identity, voltage, current limit, output, measured voltage and current. Exits 0
if everything was as it must be, else 1 with words.
"""

import os
import sys

from pymeasure.instruments.keysight import KeysightE36312A


def expect(what, found, wanted, within=0.0):
    if abs(found - wanted) > within:
        print(f"MISMATCH  {what}: found {found!r}, expected {wanted!r}", file=sys.stderr)
        sys.exit(1)
    print(f"ok  {what}: {found}")


def main():
    port = os.path.realpath(sys.argv[1])
    # PyVISA gives up after 2 s by itself, in which on a busy machine it has not even loaded what it reads with.
    supply = KeysightE36312A(f"ASRL{port}::INSTR", visa_library="@py", read_termination="\n", write_termination="\n", timeout=30_000)
    print(f"ok  identity: {supply.id}")
    if "E3634A" in supply.id:
        # On RS-232 that one takes no settings before; PyMeasure's E36312A, for LAN and USB, does not send it.
        supply.write("SYST:REM")
    output = supply.ch_1
    output.voltage_setpoint = 5.0
    expect("voltage reads back", output.voltage_setpoint, 5.0, 1e-3)
    output.current_limit = 0.25
    expect("current limit reads back", output.current_limit, 0.25, 1e-3)
    expect("measured while off", output.voltage, 0.0)
    output.output_enabled = True
    expect("output is on", output.output_enabled, 1)
    # 12 ohm: the limit of 0.25 A holds the voltage at 3 V.
    expect("measured voltage", output.voltage, 3.0, 0.01)
    expect("measured current", output.current, 0.25, 1e-3)
    output.output_enabled = False
    expect("output is off", output.output_enabled, 0)
    print("PyMeasure drove the device")
    return 0


if __name__ == "__main__":
    sys.exit(main())
