"""Makes sgp4_states.csv: the verification satellites of "Revisiting Spacetrack Report #3" (Vallado et al. 2006; SGP4-VER.TLE in
the package sgp4) propagated by the package sgp4, and turned from TEME to GCRS by the package skyfield. None of our code is in
here.

    pip install sgp4 skyfield && python sgp4_states.py > sgp4_states.csv

Columns: the two lines, minutes since their epoch, TEME position (km) and velocity (km/s), GCRS position (km).
"""
import importlib.resources
from sgp4.api import Satrec, WGS72
from sgp4.io import fix_checksum
from skyfield.api import EarthSatellite, load

ts = load.timescale(builtin=True)
lines = importlib.resources.files("sgp4").joinpath("SGP4-VER.TLE").read_text().splitlines()
print("line1,line2,minutes,x,y,z,vx,vy,vz,gx,gy,gz")
for first, second in zip(lines, lines[1:]):
    if not (first.startswith("1 ") and second.startswith("2 ")):
        continue
    # Two of the sets were edited by hand and not summed up again.
    first, second = fix_checksum(first[:68]), fix_checksum(second[:68])
    if first[62] != "0":
        continue  # the original SDP4 test has no ephemeris type and no checksum
    sat = Satrec.twoline2rv(first, second, WGS72)
    turned = EarthSatellite(first, second, ts=ts)
    for minutes in (-1440.0, 0.0, 97.3, 1440.0, 7200.0, 30000.0):
        error, place, speed = sat.sgp4_tsince(minutes)
        if error:
            continue
        t = ts.tt_jd(turned.epoch.whole, turned.epoch.tt_fraction + minutes / 1440)
        numbers = [minutes, *place, *speed, *turned.at(t).position.km]
        print(first, second, *(f"{v:.9f}" for v in numbers), sep=",")
