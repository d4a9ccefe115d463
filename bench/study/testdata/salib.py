"""Sobol' indices and Morris' effects as SALib finds them in its own samples of functions with known answers.

    python salib.py > salib.csv        # SALib 1.6, NumPy, SciPy

Lines: y,CASE,value              outputs in SALib's (Saltelli's) order
       index,CASE,first,total
       walk,CASE,y,x1,...        Morris' walks
       effect,CASE,mean,mean_abs,sigma
"""
import importlib.metadata

import numpy as np
from SALib.analyze import morris as morris_analyze, sobol as sobol_analyze
from SALib.sample import morris as morris_sample, sobol as sobol_sample


def ishigami(x):
    """On the unit cube; a = 7, b = 0.1."""
    z = np.pi * (2 * x - 1)
    return np.sin(z[:, 0]) + 7 * np.sin(z[:, 1]) ** 2 + 0.1 * z[:, 2] ** 4 * np.sin(z[:, 0])


def g_function(x):
    """Sobol's g with a = 0, 1, 4.5, 9."""
    a = np.array([0, 1, 4.5, 9])
    return np.prod((np.abs(4 * x - 2) + a) / (1 + a), axis=1)


print(f"# SALib {importlib.metadata.version('SALib')}, NumPy {np.__version__}")
for name, function, factors in (("ishigami", ishigami, 3), ("g", g_function, 4)):
    problem = {"num_vars": factors, "names": [f"x{i}" for i in range(factors)], "bounds": [[0, 1]] * factors}
    x = sobol_sample.sample(problem, 32, calc_second_order=False, seed=7)
    y = function(x)
    found = sobol_analyze.analyze(problem, y, calc_second_order=False, seed=7)
    for value in y:
        print(f"y,{name},{value!r}".replace("np.float64(", "").replace(")", ""))
    for first, total in zip(found["S1"], found["ST"]):
        print(f"index,{name},{float(first)!r},{float(total)!r}")
    x = morris_sample.sample(problem, 6, num_levels=4, seed=7)
    y = function(x)
    found = morris_analyze.analyze(problem, x, y, num_levels=4, seed=7)
    for point, value in zip(x, y):
        print(f"walk,{name},{float(value)!r}," + ",".join(repr(float(v)) for v in point))
    for mean, mean_abs, sigma in zip(found["mu"], found["mu_star"], found["sigma"]):
        print(f"effect,{name},{float(mean)!r},{float(mean_abs)!r},{float(sigma)!r}")
