"""Sobol' points as SciPy makes them (scipy.stats.qmc, not scrambled): the first 64 in 40 dimensions.

    python sobol.py > sobol.csv        # SciPy 1.x
"""
import scipy
from scipy.stats import qmc

print(f"# scipy {scipy.__version__}, qmc.Sobol(d=40, scramble=False, bits=32).random(64)")
for point in qmc.Sobol(d=40, scramble=False, bits=32).random(64):
    print(",".join(f"{x:.10g}" for x in point))
