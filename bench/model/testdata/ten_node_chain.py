"""Reference temperatures of the ten-node chain, from SciPy's LSODA: an independent solver for the tests of rosenbrock.rs.

Run: python3 ten_node_chain.py > ten_node_chain.csv    (needs numpy and scipy)

The chain and its constants are a published stiff example of the project's physics notes; the environment q_env below is ours: a
half-sine of sunlight over a 5400 s orbit, dark for the other half, on a constant 240 W/m2.
"""

import math
import sys

import numpy as np
import scipy
from scipy.integrate import solve_ivp

SIGMA = 5.670374419e-8  # CODATA 2018
C = np.array([5.0, 50.0, 400.0, 1500.0, 300.0, 8e3, 8e3, 8e3, 8e3, 2e4])  # J/K
G = np.array([40.0, 20.0, 60.0, 100.0, 80.0, 30.0, 30.0, 30.0, 5.0])  # W/K between neighbours
POWER = 700.0  # W into node 1
EPS, AREA, SPACE = 0.45, 1.0, 2.725  # nodes 6..10
ORBIT = 5400.0


def q_env(t):
    return 240.0 + 1361.0 * max(0.0, math.sin(2.0 * math.pi * t / ORBIT))


def rates(t, x):
    flow = G * (x[:-1] - x[1:])
    heat = np.zeros(10)
    heat[0] += POWER
    heat[:-1] -= flow
    heat[1:] += flow
    heat[5:] += AREA * (0.3 * q_env(t) - EPS * SIGMA * (x[5:] ** 4 - SPACE**4))
    return heat / C


wanted = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 2700.0, 3600.0, 5400.0, 8100.0, 10800.0, 21600.0, 43200.0, 64800.0, 86400.0]
# The forcing has a corner every half orbit: the solver restarts there so that no step straddles one.
corners = [ORBIT / 2 * k for k in range(int(86400 / (ORBIT / 2)) + 1)]

print(f"# made by ten_node_chain.py with SciPy {scipy.__version__} LSODA, rtol 1e-10, atol 1e-10; largest change against rtol 1e-8 below")
table = {}
for rtol in (1e-8, 1e-10):
    x = np.full(10, 290.0)
    found = {}
    for start, end in zip(corners[:-1], corners[1:]):
        times = sorted({t for t in wanted if start < t <= end} | {end})
        r = solve_ivp(rates, (start, end), x, method="LSODA", rtol=rtol, atol=1e-10, t_eval=times, max_step=30.0)
        assert r.success, r.message
        found.update({t: r.y[:, i] for i, t in enumerate(times)})
        x = r.y[:, -1]
    table[rtol] = found
worst = max(np.abs(table[1e-8][t] - table[1e-10][t]).max() for t in wanted)
print(f"# {worst:.1e} K")
print("time_s," + ",".join(f"node{i}_k" for i in range(1, 11)))
for t in wanted:
    print(f"{t:.0f}," + ",".join(f"{v:.6f}" for v in table[1e-10][t]))
if worst > 1e-4:
    sys.exit("the reference is not settled")
