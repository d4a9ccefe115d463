"""Makes mass_rollup.csv: watts per kilogram of a satellite sized from scratch, 95 % interval and variance shares, by NumPy's own
triangular draws; nothing of ours imported.

    python3 mass_rollup.py > mass_rollup.csv

Columns: panel temperature K, battery kWh per kW, 2.5 %, median and 97.5 % of W/kg, and the first-order variance shares of the array's
and the radiator's specific mass (by Saltelli's pick-freeze estimator, another one than the product's).
"""

import numpy as np

SIGMA, DRAWS = 5.670374419e-8, 2_000_000
RANGES = dict(areal=(2.5, 7.0, 14.2), emissivity=(0.85, 0.875, 0.90), fin=(0.85, 0.92, 0.97), array=(30.0, 100.0, 200.0),
              compute=(1.5, 4.0, 8.0), loss=(0.02, 0.08, 0.15), bus=(0.10, 0.25, 0.45))
rng = np.random.default_rng(20260621)


def draw():
    return {name: rng.triangular(*ends, DRAWS) for name, ends in RANGES.items()}


def w_kg(x, panel_k, battery_kwh):
    flux = 2.0 * x["fin"] * x["emissivity"] * (SIGMA * panel_k**4 - 0.249 * 237.0)
    drawn = 1000.0 * (1.0 + x["loss"] + 0.02)
    mass = drawn / x["array"] + drawn / flux * x["areal"] + 3.5 + x["compute"] + battery_kwh * 1000.0 / 150.0
    return 1000.0 / (mass * (1.0 + x["bus"]))


print("panel_k,battery_kwh_kw,low,median,high,share_array,share_areal")
for panel_k, battery_kwh in ((300.0, 0.0), (330.0, 0.0), (350.0, 0.0), (330.0, 0.942)):
    a, b = draw(), draw()
    ya, yb = w_kg(a, panel_k, battery_kwh), w_kg(b, panel_k, battery_kwh)
    shares = []
    for name in ("array", "areal"):
        mixed = w_kg({**a, name: b[name]}, panel_k, battery_kwh)
        shares.append(np.mean(yb * (mixed - ya)) / np.var(ya))
    low, median, high = np.percentile(ya, [2.5, 50.0, 97.5])
    print(f"{panel_k},{battery_kwh},{low:.4f},{median:.4f},{high:.4f},{shares[0]:.4f},{shares[1]:.4f}")
