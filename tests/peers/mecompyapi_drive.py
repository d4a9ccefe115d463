#!/usr/bin/env python3
"""Drives an emulated TEC controller with mecompyapi, a MeCom client that we did not write.

usage: mecompyapi_drive.py PTY [--serial N] [--type N]

Identifies the device, reads its temperatures, sets limits and a target, enables the output, reads status and current back,
switches off again. Exits 0 if everything was as it must be, else 1 with words, 2 if mecompyapi is not installed.

Needs mecompyapi from PyPI (MIT). It imports a vendor's USB library at load time that nothing here uses; a stub of it stands in.
"""

import argparse
import math
import sys
import time
import types


def import_client():
    """mecompyapi's controller class, with the USB library that it imports and we do not need stubbed out."""
    stub = types.ModuleType("ftd2xx")
    stub.FTD2XX = type("FTD2XX", (), {})
    stub.defines = types.ModuleType("ftd2xx.defines")
    sys.modules["ftd2xx"] = stub
    sys.modules["ftd2xx.defines"] = stub.defines
    try:
        from mecompyapi import tec
    except ImportError as error:
        print(f"mecompyapi is not installed: {error}", file=sys.stderr)
        sys.exit(2)
    return tec


class Mismatch(Exception):
    """Something the device said is not what it must be."""


def expect(what, found, wanted, within=None):
    """Found must be wanted, to within a tolerance where one is given."""
    near = within is not None and math.isfinite(found) and abs(found - wanted) <= within
    if not near and found != wanted:
        raise Mismatch(f"{what}: found {found!r}, expected {wanted!r}")
    print(f"ok  {what}: {found}")


def expect_between(what, found, low, high):
    if not (low <= found <= high):
        raise Mismatch(f"{what}: found {found!r}, expected {low} to {high}")
    print(f"ok  {what}: {found}")


def eventually(what, read, accept, limit_s=3.0):
    """Reads until it is acceptable: a device's state follows a command, it does not precede it."""
    end = time.monotonic() + limit_s
    while True:
        found = read()
        if accept(found):
            print(f"ok  {what}: {found}")
            return
        if time.monotonic() > end:
            raise Mismatch(f"{what}: still {found!r} after {limit_s} s")
        time.sleep(0.05)


def drive(tec, pty, device_type, serial):
    controller = tec.MeerstetterTEC()
    controller.connect_serial_port(port=pty)
    try:
        identity = controller.get_firmware_identification_string()
        expect("length of the identification string", len(identity), 20)
        expect("device type", controller.get_device_type(), device_type)
        expect("serial number", controller.get_serial_number(), serial)
        expect("full identity begins", controller.get_id().split(",")[:2], ["Meerstetter", f"TEC{device_type}"])

        controller.disable()
        expect("status when switched off", controller.get_device_status(), tec.DeviceStatus.READY)
        expect("current when switched off", controller.get_tec_current(), 0.0)
        plate = controller.get_temperature()
        expect_between("object temperature", plate, -20.0, 95.0)
        expect_between("sink temperature", controller.get_sink_temperature(), -20.0, 95.0)

        expect("saves by default", controller.get_automatic_save_to_flash(), tec.SaveToFlashState.ENABLED)
        controller.set_automatic_save_to_flash(tec.SaveToFlashState.DISABLED)
        expect("kept in memory", controller.get_automatic_save_to_flash(), tec.SaveToFlashState.DISABLED)
        expect("its flash", controller.get_flash_status(), tec.FlashStatus.DISABLED)
        for what, write, read, value in [
            ("current limit", controller.set_current_limitation, controller.get_current_limitation, 4.0),
            ("voltage limit", controller.set_voltage_limitation, controller.get_voltage_limitation, 12.0),
            ("ramp", controller.set_coarse_temperature_ramp, controller.get_coarse_temperature_ramp, 1.0),
        ]:
            write(value)
            expect(f"{what} reads back", read(), value, within=1e-6)
        expect("positive current means", controller.get_positive_current_is(), tec.PositiveCurrentIs.COOLING)

        target = round(plate - 3.0, 2)
        # The client says whether the acknowledgement repeats the CRC of its own request.
        reply = controller.mecom_basic_cmd.set_float_value(address=controller.address, parameter_id=3000, instance=1, value=target)
        expect("what the target is answered with", reply.receive_type.name, "ACK")
        expect("target reads back", controller.get_setpoint_temperature(), target, within=1e-5)
        controller.enable()
        expect("status when switched on", controller.get_device_status(), tec.DeviceStatus.RUN)
        eventually("current cools towards a colder target", controller.get_tec_current, lambda amps: 0.1 < amps <= 4.001)
        eventually("the plate follows", controller.get_temperature, lambda degc: degc < plate, limit_s=10.0)
        controller.disable()
        expect("status after switching off", controller.get_device_status(), tec.DeviceStatus.READY)
        eventually("current after switching off", controller.get_tec_current, lambda amps: amps == 0.0)

        refuses(controller)
    finally:
        controller.tear()


def refuses(controller):
    """An unknown parameter must be refused; mecompyapi hands the refusal through as a value it cannot read."""
    try:
        value = controller.mecom_basic_cmd.get_int32_value(address=controller.address, parameter_id=4999, instance=1)
    except Exception as error:  # mecompyapi's own, raised over whatever it met
        print(f"ok  an unknown parameter is refused: {error}")
    else:
        raise Mismatch(f"an unknown parameter was answered with {value!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pty", help="path of the emulated instrument's port")
    parser.add_argument("--serial", type=int, default=4242)
    parser.add_argument("--type", type=int, default=1090)
    args = parser.parse_args()
    tec = import_client()
    try:
        drive(tec, args.pty, args.type, args.serial)
    except Mismatch as error:
        print(f"MISMATCH  {error}", file=sys.stderr)
        return 1
    except Exception as error:  # a client's time-out or a closed port fails the check as well
        print(f"FAILED  {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("mecompyapi drove the device")
    return 0


if __name__ == "__main__":
    sys.exit(main())
