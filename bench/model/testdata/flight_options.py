"""Reference temperatures of the flight network with every option on, from SciPy: DOP853 by the method of steps for what
the pipes delay, fsolve for states of rest. Independently written equations; none of our code is in here.

Run: python3 flight_options.py > flight_options.csv    (needs numpy and scipy; about a minute)

Constants are those of flight/tests/options.rs. The load drops to 6 W from 2000 s to 4200 s and the Sun is away from 2000 s to
3200 s: valve and heater work. At 4500 s a pump fails: 0.8 of full flow becomes 0.3. Rows `steady`: at rest under `at` watts.
"""

import math
import sys

import numpy as np
import scipy
from scipy.interpolate import CubicSpline
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, fsolve

SIGMA = 5.670374419e-8  # CODATA 2018
ZERO_C = 273.15
C_DIE, C_MEMORY, C_PLATE, C_MANIFOLD, C_HOT, C_COLD, C_PANEL = 30.0, 25.0, 400.0, 60.0, 120.0, 110.0, 260.0
G_DIE, G_MEMORY, MEMORY_PART, OVERHEAD = 3.2, 1.5, 0.25, 0.12
LOOPS, FLOW, UA_PLATE, UA_RADIATOR = 0.75, 12.0, 20.0, 40.0
HOT_PIPE, COLD_PIPE = 6.0, 9.5  # s at full flow
PANELS, AREA = 3, 0.04  # m2 each
EPS_A, EPS_B, ALPHA_A, ALPHA_B = 0.88, 0.80, 0.07, 0.20
FIN_L, FIN_T, FIN_K = 0.06, 0.8e-3, 167.0
NEIGHBOUR, LOSS, STRUCTURE, FILM = 0.15, 0.03, 5.0 + ZERO_C, 0.4  # -, W/K all panels, K, W/m2K
VIEW_A, VIEW_B, ARRAY_HEAT, EPS_FRONT, EPS_BACK, C_ARRAY = 0.10, 0.04, 0.65, 0.85, 0.75, 3.0e3
SUPPLY_MIN, BAND = 14.0 + ZERO_C, 2.0
HEATER, HEATER_OFF, HEATER_BAND = 9.0, 15.0 + ZERO_C, 1.5
AIR = -15.0 + ZERO_C
NAMES = ["die", "plate", "hot", "cold", "memory", "manifold", "array"] + [f"panel{i}" for i in range(1, PANELS + 1)]


def fin_profile(zeta):
    """Efficiency of a fin by shooting for its tip temperature: T'' = zeta T^4, T(base) = 1, T'(tip) = 0."""
    def base(tip):
        r = solve_ivp(lambda s, y: [y[1], zeta * y[0] ** 4], (0.0, 1.0), [tip, 0.0], method="DOP853", rtol=1e-12, atol=1e-13)
        return r.y[:, -1]
    tip = brentq(lambda tip: base(tip)[0] - 1.0, 0.2, 1.0, xtol=1e-14)
    return base(tip)[1] / zeta


GRID = np.arange(150.0, 451.0, 5.0)
EFFICIENCY = CubicSpline(GRID, [fin_profile((EPS_A + EPS_B) * SIGMA * t**3 * FIN_L**2 / (FIN_K * FIN_T)) for t in GRID])


def board(t):
    return 6.0 if 2000.0 <= t < 4200.0 else 72.0


def part(t):
    return 0.8 if t < 4500.0 else 0.3


def passed(t):
    return 0.8 * min(t, 4500.0) + 0.3 * max(t - 4500.0, 0.0)


def when(volume):
    return volume / 0.8 if volume <= 3600.0 else 4500.0 + (volume - 3600.0) / 0.3


def environment(t):
    sun = 0.0 if 2000.0 <= t < 3200.0 else 1361.0
    wave = math.sin(2.0 * math.pi * t / 5863.0)
    return {"sun": sun, "solar_a": 60.0 + 20.0 * wave, "albedo_b": 15.0 - 10.0 * wave, "ir_a": 55.0 + 10.0 * wave, "ir_b": 40.0, "air": AIR}


def network(x, load, env, flow_part, hot_out, cold_out):
    die, plate, hot, cold, memory, manifold, array = x[:7]
    panels = x[7:]
    w = FLOW * LOOPS * flow_part
    ua_plate, ua_panel = (ua * LOOPS * flow_part**0.8 for ua in (UA_PLATE, UA_RADIATOR / PANELS))
    q_die, q_memory = G_DIE * (die - plate), G_MEMORY * (memory - plate)
    leaves = plate + (cold_out - plate) * math.exp(-ua_plate / w)
    q_plate = w * (leaves - cold_out)
    bypass = 1.0 - min(max((cold - SUPPLY_MIN) / BAND, 0.0), 1.0)
    heater = HEATER * min(max((HEATER_OFF - cold) / HEATER_BAND, 0.0), 1.0)
    through = (1.0 - bypass) * w
    eta = [float(EFFICIENCY(t)) for t in panels]
    eps_mean = (EPS_A + EPS_B) / 2.0
    heat = []
    stream = hot_out
    for k, t in enumerate(panels):
        out = t + (stream - t) * math.exp(-ua_panel / through) if through > 1e-9 * w else t
        q = through * (stream - out)
        stream = out
        others = [j for j in (k - 1, k + 1) if 0 <= j < PANELS]
        hidden = NEIGHBOUR * eps_mean * len(others)
        glow = (VIEW_A * EPS_A + VIEW_B * EPS_B) * EPS_BACK * SIGMA * array**4
        sky = EPS_A * env["ir_a"] + EPS_B * env["ir_b"] + glow - (EPS_A + EPS_B) * SIGMA * t**4
        q += AREA * (ALPHA_A * env["solar_a"] + ALPHA_B * env["albedo_b"])
        q += AREA * eta[k] * ((1.0 - hidden) * sky + 2.0 * FILM * (env["air"] - t))
        for j in others:
            q += AREA * NEIGHBOUR * eps_mean * (EPS_A + EPS_B) * SIGMA * eta[k] * eta[j] * (panels[j] ** 4 - t**4)
        q += LOSS / PANELS * (STRUCTURE - t)
        heat.append(q)
    mixed = bypass * hot_out + (1.0 - bypass) * stream
    return [
        ((1.0 - MEMORY_PART) * load - q_die) / C_DIE,
        (q_die + q_memory + OVERHEAD * load - q_plate) / C_PLATE,
        w * (manifold - hot) / C_HOT,
        (w * (mixed - cold) + heater) / C_COLD,
        (MEMORY_PART * load - q_memory) / C_MEMORY,
        w * (leaves - manifold) / C_MANIFOLD,
        (ARRAY_HEAT * env["sun"] - (EPS_FRONT + EPS_BACK) * SIGMA * array**4) / C_ARRAY,
        *(q / C_PANEL for q in heat),
    ]


WANTED = [5.0, 20.0, 100.0, 500.0, 2000.0, 2010.0, 2050.0, 2200.0, 2600.0, 3200.0, 3300.0, 4200.0, 4250.0, 4500.0, 4510.0, 4600.0, 5000.0, 5863.0]
CORNERS = [2000.0, 3200.0, 4200.0, 4500.0]
STEP = 5.0  # s, shorter than the shortest delay


def fly(rtol):
    x, t, found, past = np.full(len(NAMES), 290.0), 0.0, {}, []

    def earlier(moment, node):
        if moment <= 0.0:
            return 290.0
        for start, end, dense in reversed(past):
            if start <= moment <= end + 1e-9:
                return float(dense(min(moment, end))[node])
        raise ValueError(moment)

    stops = sorted(set(np.arange(0.0, 5863.0, STEP)) | set(WANTED) | set(CORNERS))
    # What entered a pipe at a corner leaves it with a bend: no step may straddle that either.
    stops = sorted(set(stops) | {when(passed(c) + d) for c in [0.0, *CORNERS] for d in (HOT_PIPE, COLD_PIPE)})
    for end in (s for s in stops if 0.0 < s <= 5863.0):
        middle = 0.5 * (t + end)
        load, flow_part, sunlit = board(middle), part(middle), environment(middle)["sun"]

        def rates(now, x):
            hot_out = earlier(when(passed(now) - HOT_PIPE), 2)
            cold_out = earlier(when(passed(now) - COLD_PIPE), 3)
            return network(x, load, {**environment(now), "sun": sunlit}, flow_part, hot_out, cold_out)

        r = solve_ivp(rates, (t, end), x, method="DOP853", rtol=rtol, atol=1e-10, dense_output=True)
        assert r.success, r.message
        past.append((t, end, r.sol))
        past = past[-40:]
        x, t = r.y[:, -1], end
        if end in WANTED:
            found[end] = x
    return found


def steady(load):
    env = environment(0.0)
    # At rest what leaves a pipe is what enters it.
    rates = lambda t, x: network(x, load, env, 0.8, x[2], x[3])
    guess = solve_ivp(rates, (0.0, 3e5), np.full(len(NAMES), 300.0), method="Radau", rtol=1e-8, atol=1e-8).y[:, -1]
    x, info, ok, message = fsolve(lambda x: rates(0.0, x), guess, xtol=1e-13, full_output=True)
    assert ok == 1 or np.abs(info["fvec"]).max() < 1e-9, message
    return x


tables = {rtol: fly(rtol) for rtol in (1e-8, 1e-10)}
worst = max(np.abs(tables[1e-8][t] - tables[1e-10][t]).max() for t in WANTED)
print(f"# made by flight_options.py with SciPy {scipy.__version__} DOP853, rtol 1e-10, and fsolve; largest change against rtol 1e-8 below")
print(f"# {worst:.1e} K")
print("case,at," + ",".join(f"{n}_k" for n in NAMES))
for t in WANTED:
    print(f"flight,{t:.0f}," + ",".join(f"{v:.6f}" for v in tables[1e-10][t]))
for load in (2.0, 20.0, 72.0, 90.0):
    print(f"steady,{load:.0f}," + ",".join(f"{v:.6f}" for v in steady(load)))
if worst > 1e-4:
    sys.exit("the reference is not settled")
