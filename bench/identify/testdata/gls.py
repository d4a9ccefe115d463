#!/usr/bin/env python3
"""A log and its fit by another program: makes gls.csv and gls.toml, read by fit/tests.rs. Needs numpy and scipy.

Plant, noise and fit are written from the equations, nothing is shared with the Rust code. Noise is put together as one dense
covariance (every cause followed to every reading) instead of a Kalman filter, and scipy.optimize.least_squares fits residuals
whitened by its Cholesky factor, with the priors as residuals of their own.
"""
import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import least_squares

K0 = 273.15
STEP = 0.1          # s, of the plant's explicit Euler steps: they are its definition
DT = 5.0            # s between rows
N = 480
SERIES, PARALLEL = 2, 3

# name, believed, true, prior (relative where positive), positive
PARAMETERS = [
    ("die_j_k", 60.0, 66.0, 0.5, True),
    ("die_plate_k_w", 0.30, 0.27, 0.5, True),
    ("plate_j_k", 400.0, 430.0, 0.5, True),
    ("loss_w_k", 0.4, 0.55, 0.5, True),
    ("sink_j_k", 2200.0, 2000.0, 0.5, True),
    ("sink_k_w", 0.18, 0.20, 0.5, True),
    ("room_degc", 23.0, 22.4, 0.7, False),
    ("capture_frac", 0.97, 0.93, 0.05, True),
    ("seebeck_v_k", 0.05, 0.053, 0.15, True),
    ("resistance_ohm", 3.0, 2.8, 0.15, True),
    ("conductance_w_k", 0.33, 0.36, 0.15, True),
    ("plate_offset_k", 0.0, 0.08, 0.1, False),
    ("sink_offset_k", 0.0, -0.3, 0.5, False),
    ("die_offset_k", 0.0, 0.6, 0.7, False),
]
READ = np.array([0.02, 0.03, 0.15, 0.03])        # plate, sink, die K; V
CURRENT, SINK_WALK, DIE_WALK, SLOW_K, SLOW_S = 0.01, 1e-3, 5e-3, 0.2, 40.0
START_K = 10.0
SWING = 0.3
ROOM_START2 = SWING**2 / 2
ROOM_WALK2 = SWING**2 * (1 - np.cos(2 * np.pi * 1800 / 10800)) / 1800

t = np.arange(N) * DT
amps = 1.5 + 1.6 * np.sin(2 * np.pi * t / 700) + 1.2 * np.sin(2 * np.pi * t / 233 + 1)
board = np.where((t // 300) % 2 == 0, 70.0, 18.0) + 5 * np.sin(t / 97)
heater = np.where((t > 900) & (t < 1500), 15.0, 0.0)


def plant(p, start, extra=None):
    """Temperatures plate, sink, die at every row (degC), readings' plant only."""
    n = SERIES * PARALLEL
    plate, sink, die = (x + K0 for x in start)
    room = p["room_degc"] + K0
    out = [(plate, sink, die)]
    steps = round(DT / STEP)
    a, r, k = p["seebeck_v_k"], p["resistance_ohm"], p["conductance_w_k"]
    for row in range(1, N):
        for s in range(1, steps + 1):
            i = amps[row - 1] + (amps[row] - amps[row - 1]) * s / steps
            if extra is not None:
                i += extra[row]
            i /= PARALLEL
            over = (die - plate) / p["die_plate_k_w"]
            pumped = n * (a * i * plate - i * i * r / 2 - k * (sink - plate))
            rejected = n * (a * i * sink + i * i * r / 2 - k * (sink - plate))
            die, plate, sink = (
                die + STEP / p["die_j_k"] * (board[row] * p["capture_frac"] - over),
                plate + STEP / p["plate_j_k"] * (over - pumped - p["loss_w_k"] * (plate - room) + heater[row]),
                sink + STEP / p["sink_j_k"] * (rejected - (sink - room) / p["sink_k_w"]),
            )
        out.append((plate, sink, die))
    return np.array(out) - K0


def readings(p, temperatures):
    plate, sink, die = temperatures.T
    volts = SERIES * (p["seebeck_v_k"] * (sink - plate) + amps / PARALLEL * p["resistance_ohm"])
    return np.stack([plate + p["plate_offset_k"], sink + p["sink_offset_k"], die + p["die_offset_k"], volts], axis=1)


def values(u):
    return {n: (b * np.exp(x) if pos else b + x) for (n, b, _, _, pos), x in zip(PARAMETERS, u)}


def modelled(u, read):
    p = values(u)
    first = [read[0, 0] - p["plate_offset_k"], read[0, 1] - p["sink_offset_k"], read[0, 2] - p["die_offset_k"]]
    return readings(p, plant(p, first))


def carries(p, read):
    """One-row maps of (plate, sink, die, room) and of an ampere, by differences of whole rows."""
    base = plant(p, read[0, :3])
    maps, kicks = [], []
    n = SERIES * PARALLEL
    steps = round(DT / STEP)
    for row in range(1, N):
        m = np.eye(4)
        g = np.zeros(4)
        for s in range(1, steps + 1):
            i = (amps[row - 1] + (amps[row] - amps[row - 1]) * s / steps) / PARALLEL
            a, r, k = p["seebeck_v_k"], p["resistance_ohm"], p["conductance_w_k"]
            # Temperatures within the row: straight between rows is enough for what an ampere does.
            part = s / steps
            plate, sink, _ = base[row - 1] * (1 - part) + base[row] * part + K0
            f = np.eye(4)
            c = STEP / p["plate_j_k"]
            f[0] = [1 - c * (1 / p["die_plate_k_w"] + n * (a * i + k) + p["loss_w_k"]), c * n * k, c / p["die_plate_k_w"], c * p["loss_w_k"]]
            c = STEP / p["sink_j_k"]
            f[1] = [c * n * k, 1 + c * (n * (a * i - k) - 1 / p["sink_k_w"]), 0, c / p["sink_k_w"]]
            c = STEP / p["die_j_k"]
            f[2] = [c / p["die_plate_k_w"], 0, 1 - c / p["die_plate_k_w"], 0]
            kick = np.array([-STEP / p["plate_j_k"] * n * (a * plate - i * r), STEP / p["sink_j_k"] * n * (a * sink + i * r), 0, 0]) / PARALLEL
            m = f @ m
            g = f @ g + kick
        maps.append(m)
        kicks.append(g)
    return maps, kicks


def covariance(p, read):
    maps, kicks = carries(p, read)
    volts = SERIES * p["seebeck_v_k"]
    show = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [-volts, volts, 0, 0]])
    # Covariance of the state of any two rows: forwards for the variance, maps for what is between.
    q = [np.diag([START_K**2] * 3 + [ROOM_START2])]
    for row in range(1, N):
        m, g = maps[row - 1], kicks[row - 1]
        noise = np.outer(g, g) * CURRENT**2 + np.diag([0, SINK_WALK**2 * DT, DIE_WALK**2 * DT, ROOM_WALK2 * DT])
        q.append(m @ q[-1] @ m.T + noise)
    full = np.zeros((4 * N, 4 * N))
    for row in range(N):
        between = q[row]
        for later in range(row, N):
            if later > row:
                between = maps[later - 1] @ between
            block = show @ between @ show.T
            slow = SLOW_K**2 * np.exp(-(later - row) * DT / SLOW_S)
            block[2, 2] += slow
            full[4 * later:4 * later + 4, 4 * row:4 * row + 4] = block
            full[4 * row:4 * row + 4, 4 * later:4 * later + 4] = block.T
    full[np.diag_indices(4 * N)] += np.tile(READ**2, N)
    return full


def main():
    rng = np.random.default_rng(20260504)
    true = {n: v for n, _, v, _, _ in PARAMETERS}
    extra = rng.normal(0, CURRENT, N)
    truth = plant(true, [24.0, 24.5, 26.0], extra)
    read = readings(true, truth)
    slow = np.zeros(N)
    fade = np.exp(-DT / SLOW_S)
    slow[0] = rng.normal(0, SLOW_K)
    for k in range(1, N):
        slow[k] = fade * slow[k - 1] + rng.normal(0, SLOW_K * np.sqrt(1 - fade**2))
    read[:, 2] += slow
    read = np.round(read + rng.normal(0, 1, read.shape) * READ, 4)
    global amps, board
    amps, board = np.round(amps, 4), np.round(board, 4)
    prior = np.array([s for *_, s, _ in PARAMETERS])
    lower = np.linalg.cholesky(covariance(values(np.zeros(len(PARAMETERS))), read))

    def residuals(u):
        return np.concatenate([solve_triangular(lower, (read - modelled(u, read)).ravel(), lower=True), u / prior])

    # The plant at the start is the belief's, and so is the covariance: both programs keep it.
    found = least_squares(residuals, np.zeros(len(PARAMETERS)), x_scale=prior, diff_step=1e-5, xtol=1e-10, ftol=1e-12, gtol=1e-10)
    sigma = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    with open("gls.csv", "w") as out:
        out.write("t_s,rig_plate_degc,rig_sink_degc,accel_die_degc,rig_tec_v,rig_tec_a,rig_output,accel_power_w,rig_heater_w\n")
        for k in range(N):
            row = ",".join(f"{x:.4f}" for x in read[k])
            out.write(f"{t[k]:.1f},{row},{amps[k]:.4f},1,{board[k]:.4f},{heater[k]:.1f}\n")
    with open("gls.toml", "w") as out:
        out.write("# Made by gls.py: unknowns (logarithm of the ratio to the belief, or difference from it), their standard errors, the truth.\n")
        out.write(f"cost = {float(2 * found.cost)!r}\n")
        for (n, b, v, _, pos), u, s in zip(PARAMETERS, found.x, sigma):
            out.write(f"{n} = [{float(u)!r}, {float(s)!r}, {float(np.log(v / b) if pos else v - b)!r}]\n")
    print(found.message, 2 * found.cost, len(found.fun))
    for (n, b, v, _, pos), u, s in zip(PARAMETERS, found.x, sigma):
        true_u = np.log(v / b) if pos else v - b
        print(f"{n:16s} {u:9.5f} +- {s:8.5f}  truth {true_u:9.5f}  z {(u - true_u) / s:6.2f}")


main()
