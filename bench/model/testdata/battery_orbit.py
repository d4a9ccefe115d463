"""Makes battery_orbit.csv: the state of charge of a 10 kWh battery along one orbit of a made-up surplus, by SciPy's LSODA with the
limits found as events, nothing of ours imported.

    python3 battery_orbit.py > battery_orbit.csv

Needs numpy and scipy (made with numpy 2.4.6, scipy 1.17.1). 95 % in, 90 % out, at most 5 kW in, starts at 0.9, full stays full.
"""

import numpy as np
from scipy.integrate import solve_ivp

CAPACITY_J, START, CHARGE_W, ETA_IN, ETA_OUT, PERIOD_S = 36e6, 0.9, 5e3, 0.95, 0.9, 5863.0


def slope(t, y):
    surplus = 4000.0 + 9000.0 * np.cos(2.0 * np.pi * t / PERIOD_S)
    if surplus >= 0.0:
        return [min(surplus, CHARGE_W) * ETA_IN / CAPACITY_J if y[0] < 1.0 else 0.0]
    return [surplus / ETA_OUT / CAPACITY_J]


def full(t, y):
    return y[0] - 1.0


def turning(t, y):
    return 4000.0 + 9000.0 * np.cos(2.0 * np.pi * t / PERIOD_S)


def limit(t, y):
    return turning(t, y) - CHARGE_W


full.terminal, full.direction = True, 1.0
turning.terminal = limit.terminal = True
wanted = np.arange(0.0, PERIOD_S, 60.0)
times, values, t, y = [], [], 0.0, START
while t < wanted[-1]:
    ahead = wanted[wanted > t + 1e-9]
    run = solve_ivp(slope, (t, wanted[-1]), [y], method="LSODA", rtol=1e-10, atol=1e-12, events=[full, turning, limit], max_step=20.0,
                    dense_output=True)
    inside = ahead[ahead <= run.t[-1]]
    times.extend(inside)
    values.extend(run.sol(inside)[0])
    t, y = run.t[-1], run.y[0][-1]
    if len(run.t_events[0]):
        # Full until the surplus turns negative.
        y, start = 1.0, t
        grid = np.arange(start, PERIOD_S, 0.001)
        below = grid[turning(grid, None) < 0.0]
        t = below[0] if len(below) else wanted[-1]
        stay = wanted[(wanted > start) & (wanted <= t)]
        times.extend(stay)
        values.extend(np.ones(len(stay)))
    else:
        t = np.nextafter(t, np.inf) + 1e-7
print("time_s,soc_frac")
print(f"0,{START}")
for time, value in zip(times, values):
    print(f"{time:.0f},{value:.9f}")
