"""Reference temperatures of the flight network, from SciPy's LSODA: an independent solver, independently written equations.

Run: python3 flight_network.py > flight_network.csv    (needs numpy and scipy)

Constants are those of tests.rs, a 72 W card's worth of satellite. The load drops to 16 W from 2000 s to 3200 s, which
makes the bypass valve work; the panels take up a sine of 60 +- 40 W/m2.
"""

import math
import sys

import numpy as np
import scipy
from scipy.integrate import solve_ivp

SIGMA = 5.670374419e-8  # CODATA 2018
DIE_J_K, PLATE_J_K, LEG_J_K, PANEL_J_K = 30.0, 400.0, 120.0, 200.0
DIE_PLATE_W_K, FLOW_W_K, PLATE_W_K, PANEL_W_K = 3.2, 10.0, 16.0, 8.0
PANELS, PANEL_M2 = 4, 0.03
EMISSIVITY, FIN = 0.88, 0.92
SUPPLY_MIN_K, BAND_K = 287.15, 2.0
OVERHEAD = 0.12


def board(t):
    return 16.0 if 2000.0 <= t < 3200.0 else 72.0


def absorbed(t):
    return 60.0 + 40.0 * math.sin(2.0 * math.pi * t / 5863.0)


def rates(t, x, load):
    die, plate, hot, cold = x[:4]
    eps_plate = 1.0 - math.exp(-PLATE_W_K / FLOW_W_K)
    bypass = min(max((SUPPLY_MIN_K + BAND_K - cold) / BAND_K, 0.0), 1.0)
    flow = (1.0 - bypass) * FLOW_W_K
    leaves_plate = cold + eps_plate * (plate - cold)
    out = [
        (load - DIE_PLATE_W_K * (die - plate)) / DIE_J_K,
        (DIE_PLATE_W_K * (die - plate) + OVERHEAD * load - FLOW_W_K * (leaves_plate - cold)) / PLATE_J_K,
        FLOW_W_K * (leaves_plate - hot) / LEG_J_K,
        0.0,
    ]
    stream = hot
    for panel in x[4:]:
        wall = panel + (stream - panel) * math.exp(-PANEL_W_K / flow) if flow > 1e-9 else panel
        given = flow * (stream - wall)
        out.append((given + PANEL_M2 * (absorbed(t) - FIN * EMISSIVITY * 2.0 * SIGMA * panel**4)) / PANEL_J_K)
        stream = wall
    mixed = bypass * hot + (1.0 - bypass) * stream
    out[3] = FLOW_W_K * (mixed - cold) / LEG_J_K
    return out


wanted = [5.0, 20.0, 100.0, 500.0, 2000.0, 2010.0, 2050.0, 2200.0, 2400.0, 2600.0, 2900.0, 3200.0, 3210.0, 3300.0, 3600.0, 4500.0, 5863.0]
print(f"# made by flight_network.py with SciPy {scipy.__version__} LSODA, rtol 1e-10, atol 1e-10; largest change against rtol 1e-8 below")
table = {}
for rtol in (1e-8, 1e-10):
    x, found = np.full(4 + PANELS, 290.0), {}
    for start, end in ((0.0, 2000.0), (2000.0, 3200.0), (3200.0, 5863.0)):
        load = board(start)
        times = [t for t in wanted if start < t <= end]
        r = solve_ivp(rates, (start, end), x, method="LSODA", rtol=rtol, atol=1e-10, t_eval=times, max_step=10.0, args=(load,))
        assert r.success, r.message
        found.update({t: r.y[:, i] for i, t in enumerate(times)})
        x = r.y[:, -1]
    table[rtol] = found
worst = max(np.abs(table[1e-8][t] - table[1e-10][t]).max() for t in wanted)
print(f"# {worst:.1e} K")
print("time_s,die_k,plate_k,hot_k,cold_k," + ",".join(f"panel{i}_k" for i in range(1, PANELS + 1)))
for t in wanted:
    print(f"{t:.0f}," + ",".join(f"{v:.6f}" for v in table[1e-10][t]))
if worst > 1e-4:
    sys.exit("the reference is not settled")
