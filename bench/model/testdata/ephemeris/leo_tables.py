"""Makes leo.e (as STK writes it), leo_gmat.csv (as a GMAT report), leo_basilisk.csv (as a log of Basilisk) and leo_truth.csv: three
hours of a low, slightly elliptic orbit about an oblate Earth, integrated by SciPy. None of our code is in here.

    pip install numpy scipy && python leo_tables.py
"""
import datetime as dt
import numpy as np
from scipy.integrate import solve_ivp

MU, RE, J2 = 398600.4418, 6378.137, 1.08262668e-3
START = dt.datetime(2026, 6, 21)


def pull(_, s):
    r, v = s[:3], s[3:]
    d = np.linalg.norm(r)
    z = 5 * (r[2] / d) ** 2
    a = -MU * r / d**3 - 1.5 * J2 * MU * RE**2 / d**5 * r * np.array([1 - z, 1 - z, 3 - z])
    return np.concatenate([v, a])


tilt = np.radians(97.9)
start = np.array([7000.0, 0, 0, 0, 7.58 * np.cos(tilt), 7.58 * np.sin(tilt)])
flown = solve_ivp(pull, (0, 10800), start, method="DOP853", rtol=1e-13, atol=1e-10, dense_output=True)
grid = np.arange(0, 10801, 60.0)
states = flown.sol(grid).T


with open("leo.e", "w") as out:
    out.write(f"""stk.v.12.0

# WrittenBy    leo_tables.py

BEGIN Ephemeris

NumberOfEphemerisPoints		 {len(grid)}
ScenarioEpoch		 21 Jun 2026 00:00:00.000000
InterpolationMethod		 Lagrange
InterpolationSamplesM1		 7
CentralBody		 Earth
CoordinateSystem		 J2000

EphemerisTimePosVel

""")
    for t, s in zip(grid, states):
        out.write(" ".join(f"{v:.14e}" for v in [t, *(s * 1000)]) + "\n")
    out.write("\n\nEND Ephemeris\n")

with open("leo_gmat.csv", "w") as out:
    out.write("LEO.UTCGregorian,LEO.EarthMJ2000Eq.X,LEO.EarthMJ2000Eq.Y,LEO.EarthMJ2000Eq.Z\n")
    for t, s in zip(grid, states):
        moment = (START + dt.timedelta(seconds=t)).strftime("%d %b %Y %H:%M:%S.000")
        out.write(f"{moment}," + ",".join(f"{v:.12f}" for v in s[:3]) + "\n")

with open("leo_basilisk.csv", "w") as out:
    out.write("# columns = t=ns,x=m,y=m,z=m,vx=m/s,vy=m/s,vz=m/s\n# frame = j2000\n# center = earth\n# time_scale = TDB\n")
    out.write("# epoch = 2026-06-21T00:01:09.184\n")
    for t, s in zip(grid, states):
        out.write(f"{t * 1e9:.0f}," + ",".join(f"{v:.9f}" for v in s * 1000) + "\n")

with open("leo_truth.csv", "w") as out:
    out.write("t_s,x_km,y_km,z_km,vx_km_s,vy_km_s,vz_km_s\n")
    for t in np.arange(1.0, 10800, 97.3):
        out.write(f"{t:.1f}," + ",".join(f"{v:.12f}" for v in flown.sol(t)) + "\n")
