"""LaudaDriver (PyPI) drives the emulated Lauda thermostat. It opens COM9 when it is imported, so serial.Serial is given the right path."""

import sys
import time

import serial

real = serial.Serial
serial.Serial = lambda _port: real(sys.argv[1], 9600, timeout=2)
from LaudaDriver import lauda  # noqa: E402


def answer():
    line = lauda.ThisLAUDA.readline()
    assert line.endswith(b"\r\n"), line
    return line.strip().decode()


lauda.set_temp(21.5)
assert answer() == "OK"
lauda.set_pumping_speed(lauda.PumpingSpeed.a_Typical)
assert answer() == "OK"
lauda.start()
assert answer() == "OK"
time.sleep(0.1)
assert 0.0 < lauda.read_current_temp() < 60.0
for question, wanted in [(b"IN_SP_00", "021.50"), (b"IN_MODE_02", "0"), (b"STATUS", "0"), (b"OUT_SP_00 500", "ERR_6"), (b"NONSENSE", "ERR_3")]:
    lauda.ThisLAUDA.write(question + b"\r\n")
    assert (said := answer()) == wanted, (question, said)
lauda.stop()
assert answer() == "OK"
lauda.ThisLAUDA.write(b"IN_MODE_02\r\n")
assert answer() == "1"
print("LaudaDriver drove it")
