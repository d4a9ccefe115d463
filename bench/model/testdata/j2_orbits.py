"""Reference orbits about an oblate body, from SciPy: an independent check for the tests of kepler.rs.

    pip install numpy scipy && python j2_orbits.py > j2_orbits.csv

The equations of motion are integrated in Cartesian coordinates (central field and J2, nothing averaged), for 20 days near Earth
and the Moon. Mean elements are what remains of the osculating ones when they are averaged over 40 and more whole revolutions (a,
e, i) or fitted by a straight line (node, argument of perigee, mean anomaly). One row an orbit and moment: the mean elements at
the epoch, the fitted rates, and where the integration has the satellite. None of our code is in here.
"""
import numpy as np
from scipy.integrate import solve_ivp

BODIES = {
    # mu km3/s2, J2, its radius km: DE430 and GL0660B for the Moon, IERS 2010, WGS 84 and EGM96 for Earth.
    "earth": (398600.4418, 1.08262668e-3, 6378.137),
    "moon": (4902.800066, 2.0321e-4, 1738.0),
}
CASES = [
    # name, body, a km, e, i deg, node deg, perigee deg, mean anomaly deg (osculating, at the epoch)
    ("station", "earth", 6798.137, 0.001, 51.6, 40.0, 70.0, 10.0),
    ("shell", "earth", 7378.137, 0.001, 30.0, 200.0, 10.0, 300.0),
    ("retrograde", "earth", 7028.0, 0.002, 98.0, 100.0, 200.0, 50.0),
    ("transfer", "earth", 16000.0, 0.55, 28.5, 300.0, 180.0, 0.0),
    ("molniya", "earth", 26562.0, 0.72, 63.4, 120.0, 270.0, 180.0),
    ("equatorial", "earth", 9000.0, 0.2, 5.0, 10.0, 20.0, 30.0),
    ("lunar", "moon", 1937.4, 0.02, 80.0, 60.0, 90.0, 0.0),
    ("lunar-oval", "moon", 6100.0, 0.6, 55.0, 30.0, 90.0, 0.0),
]
DAYS = 20.0


def kepler(m, e):
    big = np.pi
    for _ in range(200):  # damped Newton: slow and sure
        big -= 0.7 * (big - e * np.sin(big) - m % (2 * np.pi)) / (1 - e * np.cos(big))
    return big


def cartesian(mu, a, e, i, node, perigee, m):
    big = kepler(m, e)
    true = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(big / 2), np.sqrt(1 - e) * np.cos(big / 2))
    p = a * (1 - e * e)
    r = p / (1 + e * np.cos(true)) * np.array([np.cos(true), np.sin(true), 0])
    v = np.sqrt(mu / p) * np.array([-np.sin(true), e + np.cos(true), 0])

    def turn(axis, angle):
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]] if axis == 3 else [[1, 0, 0], [0, c, -s], [0, s, c]])

    q = turn(3, node) @ turn(1, i) @ turn(3, perigee)
    return np.concatenate([q @ r, q @ v])


def osculating(mu, y):
    r, v = y[:3], y[3:]
    h = np.cross(r, v, axis=0)
    rn = np.linalg.norm(r, axis=0)
    evec = np.cross(v, h, axis=0) / mu - r / rn
    e = np.linalg.norm(evec, axis=0)
    a = 1 / (2 / rn - np.sum(v * v, axis=0) / mu)
    i = np.arccos(h[2] / np.linalg.norm(h, axis=0))
    node = np.arctan2(h[0], -h[1])
    line = np.array([np.cos(node), np.sin(node), 0 * node])
    up = np.cross(h, line, axis=0) / np.linalg.norm(h, axis=0)
    perigee = np.arctan2(np.sum(evec * up, axis=0), np.sum(evec * line, axis=0))
    side = np.cross(h, evec, axis=0) / np.linalg.norm(h, axis=0)
    true = np.arctan2(np.sum(r * side, axis=0), np.sum(r * evec, axis=0))
    big = 2 * np.arctan2(np.sqrt(1 - e) * np.sin(true / 2), np.sqrt(1 + e) * np.cos(true / 2))
    return a, e, i, node, perigee, big - e * np.sin(big)


def main():
    print("name,body,semi_major_km,eccentricity,inclination_deg,node_deg,argument_of_latitude_deg,perigee_deg,"
          "node_rate_deg_d,latitude_rate_deg_d,perigee_rate_deg_d,t_s,x_km,y_km,z_km")
    for name, body, a, e, i, node, perigee, m in CASES:
        mu, j2, big_r = BODIES[body]

        def force(_, y):
            x, yy, z = y[:3]
            r2 = x * x + yy * yy + z * z
            r = np.sqrt(r2)
            k = 1.5 * j2 * mu * big_r**2 / r**5
            zz = 5 * z * z / r2
            pull = -mu / r**3
            return [*y[3:], x * (pull - k * (1 - zz)), yy * (pull - k * (1 - zz)), z * (pull - k * (3 - zz))]

        start = cartesian(mu, a, e, *np.radians([i, node, perigee, m]))
        solved = solve_ivp(force, (0, DAYS * 86400), start, "DOP853", rtol=1e-12, atol=1e-9, dense_output=True)
        period = 2 * np.pi * np.sqrt(a**3 / mu)
        whole = np.floor(DAYS * 86400 / period) * period
        t = np.linspace(0, whole, 200_001)[:-1]
        got = osculating(mu, solved.sol(t))
        means = [np.mean(x) for x in got[:3]]
        node_t, perigee_t, anomaly_t = (np.unwrap(x) for x in got[3:])
        # Near a circle perigee and anomaly swing against each other; their sum, the mean argument of latitude, does not.
        fit = [np.polyfit(t, x, 1) for x in (node_t, perigee_t + anomaly_t, perigee_t)]
        rates = [np.degrees(f[0]) * 86400 for f in fit]
        at0 = [np.degrees(f[1]) % 360 for f in fit]
        for moment in np.linspace(0, whole, 12):
            place = solved.sol(moment)[:3]
            print(name, body, f"{means[0]:.6f}", f"{means[1]:.9f}", f"{np.degrees(means[2]):.6f}", f"{at0[0]:.6f}", f"{at0[1]:.6f}",
                  f"{at0[2]:.6f}", *(f"{x:.6f}" for x in rates), f"{moment:.3f}", *(f"{x:.4f}" for x in place), sep=",")


if __name__ == "__main__":
    main()
