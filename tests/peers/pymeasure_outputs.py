#!/usr/bin/env python3
"""Drives the second output of an emulated SCPI supply of several outputs with PyMeasure through pyvisa-py, neither of which we wrote.

usage: pymeasure_outputs.py PTY

Takes it for a Keysight E36312A and names each output by a channel list, as that is spoken to: what is set and switched on the second must
show there, and never on the first or the third. Exits 0 if everything was as it must be, else 1 with words.
"""

import os
import sys

from pymeasure.instruments.keysight import KeysightE36312A

# What hangs on each output of the emulated supply.
LOAD_OHM = 12.0


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
    first, second, third = supply.ch_1, supply.ch_2, supply.ch_3
    others = [("first", first), ("third", third)]
    before = {name: (output.voltage_setpoint, output.current_limit) for name, output in others}

    second.voltage_setpoint = 9.0
    expect("second: voltage reads back", second.voltage_setpoint, 9.0, 1e-3)
    second.current_limit = 0.9
    expect("second: current limit reads back", second.current_limit, 0.9, 1e-3)
    expect("second: measured while off", second.voltage, 0.0)
    for name, output in others:
        expect(f"{name}: its voltage is its own", output.voltage_setpoint, before[name][0])
        expect(f"{name}: its limit is its own", output.current_limit, before[name][1])

    second.output_enabled = True
    expect("second: output is on", second.output_enabled, 1)
    expect("second: measured voltage", second.voltage, 9.0, 0.01)
    expect("second: measured current", second.current, 9.0 / LOAD_OHM, 1e-3)
    for name, output in others:
        expect(f"{name}: output stays off", output.output_enabled, 0)
        expect(f"{name}: no voltage", output.voltage, 0.0)

    # Limited on its own: 0.25 A into 12 ohm are 3 V.
    second.current_limit = 0.25
    expect("second: limited voltage", second.voltage, 3.0, 0.01)
    expect("second: limited current", second.current, 0.25, 1e-3)

    # Switching the first takes nothing from the second, and the other way round.
    first.voltage_setpoint = 1.2
    first.current_limit = 0.5
    first.output_enabled = True
    expect("first: measured voltage", first.voltage, 1.2, 0.01)
    expect("second: still limited", second.current, 0.25, 1e-3)
    second.output_enabled = False
    expect("second: output is off", second.output_enabled, 0)
    expect("second: no current", second.current, 0.0)
    expect("first: still on", first.output_enabled, 1)
    first.output_enabled = False
    expect("first: output is off", first.output_enabled, 0)
    print("PyMeasure drove the second output")
    return 0


if __name__ == "__main__":
    sys.exit(main())
