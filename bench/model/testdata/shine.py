"""Makes shine.csv: what a flat plate gets from a sunlit sphere, summed over patches of the sphere. No closed form, no rings.

    python3 shine.py > shine.csv    (needs numpy)

Columns: height r/R; Sun from the zenith, deg; the plate's normal from the zenith and its azimuth from the Sun's, deg; the factor
(per unit of sunlight times the part scattered); and for a Moon whose ground is at T^4 = (1 - 0.073) 1361 cos / sigma + 95^4 K^4,
the infrared on the plate, W/m2. Each sum is made twice, on grids of different spacing; the script stops if they differ.
"""

import sys

import numpy as np

SIGMA = 5.670374419e-8  # CODATA 2018
ALBEDO, SUNLIGHT, NIGHT_K = 0.073, 1361.0, 95.0


def summed(h, sun_deg, tilt_deg, azimuth_deg, rings, spokes):
    limb = np.arccos(1.0 / h)
    # Patches crowd towards the point below, which fills most of the view from low orbits.
    edges = limb * np.linspace(0.0, 1.0, rings + 1) ** 2
    central = 0.5 * (edges[1:] + edges[:-1])[:, None]
    area = (np.cos(edges[:-1]) - np.cos(edges[1:]))[:, None] * (2.0 * np.pi / spokes)
    around = (np.arange(spokes) + 0.5)[None, :] * (2.0 * np.pi / spokes)
    normal = np.array([np.sin(central) * np.cos(around), np.sin(central) * np.sin(around), np.cos(central) + 0.0 * around])
    line = normal - np.array([0.0, 0.0, h])[:, None, None]
    distance2 = (line**2).sum(axis=0)
    sun, tilt, azimuth = np.radians([sun_deg, tilt_deg, azimuth_deg])
    to_sun = np.array([np.sin(sun), 0.0, np.cos(sun)])
    plate = np.array([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)])
    at_plate = np.maximum(np.tensordot(plate, line, 1), 0.0)
    at_ground = np.maximum(-(normal * line).sum(axis=0), 0.0)
    view = at_plate * at_ground / (np.pi * distance2**2) * area
    day = np.maximum(np.tensordot(to_sun, normal, 1), 0.0)
    temperature = ((1.0 - ALBEDO) * SUNLIGHT * day / SIGMA + NIGHT_K**4) ** 0.25
    return (view * day).sum(), (view * SIGMA * temperature**4).sum()


print("height,sun_deg,tilt_deg,azimuth_deg,factor,moon_ir_w_m2")
for h in (1.0 + 100.0 / 1737.4, 1.0 + 650.0 / 6378.137, 6.6107):
    for sun_deg in (0.0, 30.0, 65.0, 80.0, 90.0, 100.0, 112.0, 150.0):
        for tilt_deg, azimuth_deg in ((180.0, 0.0), (90.0, 0.0), (90.0, 90.0), (90.0, 180.0), (135.0, 60.0), (70.0, 20.0)):
            coarse = summed(h, sun_deg, tilt_deg, azimuth_deg, 500, 1000)
            fine = summed(h, sun_deg, tilt_deg, azimuth_deg, 1000, 2000)
            if abs(coarse[0] - fine[0]) > 4e-6 or abs(coarse[1] - fine[1]) > 6e-3:
                sys.exit(f"not settled at {h}, {sun_deg}, {tilt_deg}: {coarse} {fine}")
            print(f"{h:.9f},{sun_deg:g},{tilt_deg:g},{azimuth_deg:g},{fine[0]:.8f},{fine[1]:.5f}")
