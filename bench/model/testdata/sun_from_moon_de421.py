"""Makes sun_from_moon_de421.csv: the direction of the Sun from the Moon's centre (light time, and the aberration of an observer who
moves with the Moon) in the mean equator and equinox of J2000, and its distance, from JPL's DE421. None of our code is in here.

    pip install de421 jplephem numpy && python sun_from_moon_de421.py > sun_from_moon_de421.csv
"""
import datetime as dt
import de421
import numpy as np
from jplephem import Ephemeris

eph = Ephemeris(de421)
AU, C = eph.AU, 299792.458
TT_MINUS_UTC_D = 69.184 / 86400  # TDB - TT is below 2 ms


def moon(jd):
    moon, vmoon = eph.position_and_velocity("moon", jd)
    emb, vemb = eph.position_and_velocity("earthmoon", jd)
    share = 1.0 - eph.earth_share
    return (emb + moon * share).ravel(), (vemb + vmoon * share).ravel() / 86400


print("utc,x,y,z,distance_au")
moment = dt.datetime(2026, 1, 1)
while moment.year < 2046:
    jd = 2440587.5 + (moment - dt.datetime(1970, 1, 1)).total_seconds() / 86400 + TT_MINUS_UTC_D
    place, velocity = moon(jd)
    geometric = eph.position("sun", jd).ravel() - place
    light_time = np.linalg.norm(geometric) / C / 86400
    seen = eph.position("sun", jd - light_time).ravel() - place
    direction = seen / np.linalg.norm(seen) + velocity / C
    direction /= np.linalg.norm(direction)
    distance = np.linalg.norm(geometric) / AU
    print(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), *(f"{v:.9f}" for v in direction), f"{distance:.9f}", sep=",")
    moment += dt.timedelta(days=53, hours=7)
