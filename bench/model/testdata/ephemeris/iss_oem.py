"""Makes iss.oem: a day of the space station as NASA publishes it (EME2000, UTC, every four minutes, to the metre and the
millimetre a second), from two-line elements by the packages sgp4 and skyfield. None of our code is in here.

    pip install sgp4 skyfield && python iss_oem.py > iss.oem
"""
from skyfield.api import EarthSatellite, load

LINE1 = "1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082"
LINE2 = "2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473"

ts = load.timescale(builtin=True)
sat = EarthSatellite(LINE1, LINE2, "ISS", ts)
minutes = list(range(0, 1441, 4))
t = ts.utc(2014, 1, 21, 12, minutes)
state = sat.at(t)
stamp = [s.replace("Z", "") for s in t.utc_iso(places=3)]
print(f"""CCSDS_OEM_VERS = 2.0
CREATION_DATE  = 2014-01-21T10:04:01.000
ORIGINATOR     = TEST

META_START
OBJECT_NAME          = ISS
OBJECT_ID            = 1998-067-A
CENTER_NAME          = EARTH
REF_FRAME            = EME2000
TIME_SYSTEM          = UTC
START_TIME           = {stamp[0]}
USEABLE_START_TIME   = {stamp[0]}
USEABLE_STOP_TIME    = {stamp[-1]}
STOP_TIME            = {stamp[-1]}
META_STOP

COMMENT Source: two-line elements of 2014-01-20, SGP4
COMMENT {LINE1}
COMMENT {LINE2}""")
for k, when in enumerate(stamp):
    x, v = state.position.km[:, k], state.velocity.km_per_s[:, k]
    print(when, *(f"{c:.3f}" for c in x), *(f"{c:.6f}" for c in v))
