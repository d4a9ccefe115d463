"""A day of a ten-node flight network (die, plate, two legs, six panels) by SciPy's LSODA at rtol 1e-8 and 1e-10: an independent
solver, independently written equations.

Run: python3 flight_day.py > flight_day.csv    (needs numpy and scipy)

Constants are those of flight/tests/solving.rs. An orbit of 5863 s ends with 1200 s in the dark at 16 W instead of 72 W; the panels
take up a sine of 60 +- 40 W/m2 all along.
"""

import math
import sys

import numpy as np
import scipy
from scipy.integrate import solve_ivp

SIGMA = 5.670374419e-8  # CODATA 2018
DIE_J_K, PLATE_J_K, LEG_J_K, PANEL_J_K = 30.0, 400.0, 120.0, 200.0
DIE_PLATE_W_K, FLOW_W_K, PLATE_W_K, PANEL_W_K = 3.2, 10.0, 16.0, 8.0
PANELS, PANEL_M2 = 6, 0.03
EMISSIVITY, FIN = 0.88, 0.92
SUPPLY_MIN_K, BAND_K = 287.15, 2.0
OVERHEAD, ORBIT, DARK, DAY = 0.12, 5863.0, 1200.0, 86400.0


def rates(t, x, load):
    die, plate, hot, cold = x[:4]
    bypass = min(max((SUPPLY_MIN_K + BAND_K - cold) / BAND_K, 0.0), 1.0)
    flow = (1.0 - bypass) * FLOW_W_K
    leaves = plate + (cold - plate) * math.exp(-PLATE_W_K / FLOW_W_K)
    absorbed = 60.0 + 40.0 * math.sin(2.0 * math.pi * t / ORBIT)
    slopes, stream = [], hot
    for panel in x[4:]:
        out = panel + (stream - panel) * math.exp(-PANEL_W_K / flow) if flow > 1e-9 else panel
        slopes.append((flow * (stream - out) + PANEL_M2 * (absorbed - FIN * EMISSIVITY * 2.0 * SIGMA * panel**4)) / PANEL_J_K)
        stream = out
    return [
        (load - DIE_PLATE_W_K * (die - plate)) / DIE_J_K,
        (DIE_PLATE_W_K * (die - plate) + OVERHEAD * load - FLOW_W_K * (leaves - cold)) / PLATE_J_K,
        FLOW_W_K * (leaves - hot) / LEG_J_K,
        FLOW_W_K * (bypass * hot + (1.0 - bypass) * stream - cold) / LEG_J_K,
        *slopes,
    ]


# Within the first minutes, all through the first eclipse, then scattered over the day.
wanted = [60.0, 300.0, 600.0, 2000.0, 4600.0, 4963.0, 5200.0, 5500.0, 5863.0, 6163.0, 6500.0, 9000.0, 10500.0, 10900.0, 11300.0, 11726.0,
          20000.0, 34000.0, 34900.0, 43200.0, 60000.0, 69500.0, 70000.0, 80000.0, 86400.0]
edges = sorted({0.0, DAY} | {k * ORBIT for k in range(15) if k * ORBIT < DAY} | {(k + 1) * ORBIT - DARK for k in range(15) if (k + 1) * ORBIT - DARK < DAY})
table = {}
for rtol in (1e-8, 1e-10):
    x, found = np.full(4 + PANELS, 290.0), {}
    for start, end in zip(edges[:-1], edges[1:]):
        load = 16.0 if (0.5 * (start + end)) % ORBIT > ORBIT - DARK else 72.0
        times = sorted({t for t in wanted if start < t <= end} | {end})
        r = solve_ivp(rates, (start, end), x, method="LSODA", rtol=rtol, atol=1e-10, t_eval=times, max_step=10.0, args=(load,))
        assert r.success, r.message
        found.update({t: r.y[:, i] for i, t in enumerate(times)})
        x = r.y[:, -1]
    table[rtol] = found
worst = max(np.abs(table[1e-8][t] - table[1e-10][t]).max() for t in wanted)
print(f"# made by flight_day.py with SciPy {scipy.__version__} LSODA, rtol 1e-10, atol 1e-10; largest change against rtol 1e-8 below")
print(f"# {worst:.1e} K")
print("time_s,die_k,plate_k,hot_k,cold_k," + ",".join(f"panel{i}_k" for i in range(1, PANELS + 1)))
for t in wanted:
    print(f"{t:.0f}," + ",".join(f"{v:.6f}" for v in table[1e-10][t]))
if worst > 1e-4:
    sys.exit("the reference is not settled")
