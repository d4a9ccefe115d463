"""An independent check of a run folder: `python3 tests/oracle.py RUN_FOLDER [RUN_FOLDER2]`, or `--self-test`.

For: recomputing, from `run.toml` and `samples.csv` alone, what a run should have logged: the environment, the flight
temperatures its logged heat leads to, the energy balances of the bench, the battery's charge, the coolant's swing and the work done. RUN_FOLDER2, if
given, is an eclipse-free run to set the first one's work against. Exit code 0: every check passes; 1: one fails; 2: the folder
could not be checked.

Not: a test of the code (it shares none, on purpose: other Sun, other shadow and view-factor integrals, other ODE solver), nor
evidence about satellites. What both sides take from the same contract (circular orbit, network, conventions) it cannot doubt.

Needs Python 3.11, numpy >= 1.24, scipy >= 1.10. `--self-test` is the negative control; it lives in `oracle_control.py`.
"""

import sys

import numpy as np

sys.dont_write_bytecode = True  # leaves the tree as it was

from oracle_folder import Run, Unusable, number, table
from oracle_physics import ZERO_C, Network, Orbit
from oracle_power import Power

# Tolerances, from the issue this file answers.
FLUX_TOL, ILLUMINATION_TOL, BETA_TOL, SINK_TOL = 0.5, 0.02, 0.02, 0.5
EDGE_NEAR_S, EDGE_SHIFT_S = 1.0, 0.3
FLIGHT_TOL_K, CLOSURE_TOL, COUNTER_TOL, SWING_MIN_K, WORK_TOL = 0.05, 0.05, 0.01, 10.0, 0.02
POWER_TOL, SOC_TOL = 0.003, 0.001
COMPLETE = 0.95  # least part of the running rows in which a checked cell must be there


class Report:
    """Lines as they are decided, and the names of what failed."""

    def __init__(self, quiet=False):
        self.quiet, self.failed = quiet, []

    def note(self, name, text):
        if not self.quiet:
            print(f"note  {name}: {text}")

    def check(self, name, passes, text):
        if not passes:
            self.failed.append(name)
        if not self.quiet:
            print(f"{'PASS' if passes else 'FAIL'}  {name}: {text}", flush=True)

    def within(self, name, value, limit, unit, more=""):
        """Passes if |value| <= limit; a NaN value never does."""
        unit = f" {unit}" if unit else ""
        self.check(name, bool(abs(value) <= limit), f"{value:+.4g}{unit}, tolerance {limit:g}{unit}{more}")


def check_complete(run, report):
    span = run.mission[run.running]
    part = (span[-1] - span[0]) / run.duration
    report.check("complete", bool(part >= 0.99),
                 f"{part:.4f} of the planned {run.duration:g} s flown in {len(span)} running rows, at least 0.99")
    craft = table(run.profile, "satellite")
    share = run.full * (1.0 + number(craft, "overhead_frac")) / (1e3 * number(craft, "heat_kw"))
    report.within("share", run.share / share - 1.0, 1e-3, "relative", f", logged {run.share:.6g}, expected {share:.6g}")


def check_environment(run, orbit, report):
    t = run.mission[run.running]
    want = orbit.at(t)
    blurred = orbit.penumbra(t, EDGE_NEAR_S)
    shifts = np.linspace(-EDGE_SHIFT_S, EDGE_SHIFT_S, 13)
    shifted = [orbit.at(t[blurred] + s) for s in shifts]
    for name, exact in want.items():
        got = run.column(name)[run.running]
        there = np.isfinite(got)
        if there.mean() < COMPLETE:
            report.check(f"environment {name}", False, f"cells in only {there.mean():.1%} of the running rows, at least {COMPLETE:.0%}")
            continue
        limit, unit = {"env_illumination_frac": (ILLUMINATION_TOL, ""), "env_beta_deg": (BETA_TOL, "deg"),
                       "env_sink_degc": (SINK_TOL, "K")}.get(name, (FLUX_TOL, "W/m2"))
        off, more = got - exact, ""
        if name.endswith("_w_m2") and blurred.any():
            # In penumbra a flux runs through its whole range in seconds: there it may be early or late, not otherwise wrong.
            near = np.stack([s[name] for s in shifted])
            off[blurred] = got[blurred] - np.clip(got[blurred], near.min(axis=0), near.max(axis=0))
            more = f"; {int(blurred.sum())} rows in or within {EDGE_NEAR_S:g} s of penumbra may be {EDGE_SHIFT_S:g} s early or late"
        worst = np.nanargmax(np.abs(off))
        report.within(f"environment {name}", off[worst], limit, unit, f", worst at mission_s {t[worst]:.1f}{more}")
    if blurred.any():
        got = run.column("env_illumination_frac")[run.running][blurred]
        slope = (shifted[-1]["env_illumination_frac"] - shifted[0]["env_illumination_frac"]) / (2.0 * EDGE_SHIFT_S)
        steep = np.abs(slope) > 0.25 * np.abs(slope).max()
        ahead = (got - want["env_illumination_frac"][blurred])[steep] / slope[steep]
        if np.isfinite(ahead).any():
            report.note("environment", f"in penumbra the log runs {np.nanmin(ahead):+.3f} to {np.nanmax(ahead):+.3f} s ahead")


def check_flight(run, orbit, report):
    network = Network(run.profile, run.share)
    if "fault" in run.profile:
        report.note("flight", "not checked: the profile has something fail in flight, and the network here is the same from end to end")
        return
    if network.has_pipes:
        report.note("flight", "not checked: the profile has pipes, and the coolant under way in them is not logged")
        return
    names = network.columns()
    logged = np.stack([run.column(name) for name in names], axis=1)
    heat = run.column("flight_heat_w")
    usable = run.running & np.isfinite(heat) & np.isfinite(logged).all(axis=1)
    if usable.sum() < COMPLETE * run.running.sum():
        part = usable.sum() / run.running.sum()
        report.check("flight", False, f"heat and temperatures in only {part:.1%} of the running rows, at least {COMPLETE:.0%}")
        return
    worst, pieces = np.zeros(len(names)), 0
    for segment in np.unique(run.segment[usable]):
        rows = np.flatnonzero(usable & (run.segment == segment))
        # A frozen mission clock (hold, suspend) repeats its time: such rows add nothing. A lost row is integrated across with
        # the heat of the row after it.
        rows = rows[np.concatenate([[True], np.diff(np.maximum.accumulate(run.mission[rows])) > 1e-9])]
        if len(rows) < 2:
            continue
        states = network.replay(orbit, logged[rows[0]] + ZERO_C, run.mission[rows], heat[rows])
        off = logged[rows[1:]] - (states - ZERO_C)
        largest = off[np.argmax(np.abs(off), axis=0), np.arange(len(names))]
        worst = np.where(np.abs(largest) > np.abs(worst), largest, worst)
        pieces += len(rows) - 1
    if pieces < 0.9 * run.running.sum():
        report.check("flight", False, f"only {pieces} ticks could be integrated of {run.running.sum()} running rows")
        return
    for name, value in zip(names, worst):
        report.within(f"flight {name}", value, FLIGHT_TOL_K, "K", f", {pieces} ticks")


class Means:
    """Integrals over the flown bench time from the rows in which all of the named columns are there. Powers are means over the
    tick that ends at their row; a lost row's time is given to the row after it."""

    def __init__(self, run, *names, constants=()):
        self.cells = {name: run.column(name)[run.flown] for name in names}
        time = run.bench[run.flown]
        for name, value in constants:
            self.cells[name] = np.full(len(time), value)
        self.there = np.isfinite(time)
        for cells in self.cells.values():
            self.there &= np.isfinite(cells)
        self.cells = {name: cells[self.there] for name, cells in self.cells.items()}
        self.dt = np.diff(time[self.there])
        # Rows lost at either end leave flown time unaccounted for, so presence alone is not enough.
        self.good = bool(self.there.mean() >= COMPLETE and self.dt.sum() >= COMPLETE * (time[-1] - time[0]) > 0.0)

    def poor(self):
        return f"all the cells it needs are there in only {self.there.mean():.1%} of the rows, at least {COMPLETE:.0%}"

    def power(self, name):
        return float((self.cells[name][1:] * self.dt).sum())

    def rise(self, name):
        return float(self.cells[name][-1] - self.cells[name][0])

    def kelvin_seconds(self, hot, cold):
        gap = self.cells[hot] - self.cells[cold]
        return float((0.5 * (gap[1:] + gap[:-1]) * self.dt).sum())


def check_bench(run, report):
    plant = table(run.rig, "plant")
    room = run.column("rig_ambient_degc")[run.flown]
    measured, fixed = ["rig_ambient_degc"], []
    if not np.isfinite(room).any():
        measured, fixed = [], [("rig_ambient_degc", number(plant, "room_degc"))]
    board = Means(run, "accel_power_w", "rig_pumped_w", "rig_plate_degc", "accel_die_degc", *measured, constants=fixed)
    escaped = 1.0 - number(plant, "capture_frac")

    def plate_side(means):
        return (means.power("accel_power_w") * escaped
                + number(plant, "loss_w_k") * means.kelvin_seconds("rig_plate_degc", "rig_ambient_degc")
                + number(plant, "plate_j_k") * means.rise("rig_plate_degc") + number(plant, "die_j_k") * means.rise("accel_die_degc"))

    if not board.good:
        report.check("bench energy", False, board.poor())
        return
    given = board.power("accel_power_w")
    pumped = board.power("rig_pumped_w")
    rest = plate_side(board)
    report.within("bench energy", (given - pumped - rest) / given, CLOSURE_TOL, "of board energy",
                  f": board {given:.0f} J, pumped {pumped:.0f} J, losses and storage {rest:.0f} J, {board.there.mean():.1%} of the rows")
    whole = Means(run, "accel_power_w", "rig_tec_w", "rig_plate_degc", "accel_die_degc", "rig_sink_degc", *measured, constants=fixed)
    if not whole.good:
        report.note("whole bench energy", whole.poor())
        return
    given = whole.power("accel_power_w") + whole.power("rig_tec_w")
    away = whole.kelvin_seconds("rig_sink_degc", "rig_ambient_degc") / number(plant, "sink_k_w")
    rest = plate_side(whole) + number(plant, "sink_j_k") * whole.rise("rig_sink_degc")
    report.note("whole bench energy", f"{(given - away - rest) / given:+.4f} of board and Peltier energy missing (not gated): "
                f"given {given:.0f} J, rejected by the sink {away:.0f} J, losses and storage {rest:.0f} J")


def check_counter(run, report):
    for name, column in (("energy counter, logged integral", "accel_integral_j"), ("energy counter, own integral", "accel_power_w")):
        means = Means(run, "accel_energy_j", column)
        if not means.good:
            report.check(name, False, means.poor())
            continue
        counted = means.rise("accel_energy_j")
        summed = means.rise(column) if column == "accel_integral_j" else means.power(column)
        off = counted / summed - 1.0 if summed > 0.0 else np.nan
        report.within(name, off, COUNTER_TOL, "relative", f": counter {counted:.0f} J, power {summed:.0f} J")


def check_swing(run, orbit, report):
    t = run.mission[run.running]
    if orbit.at(t)["env_illumination_frac"].min() > 0.0:
        report.check("coolant swing", True, "no umbra in the flown time: nothing required")
        return
    supply = run.column("flight_supply_degc")[run.running]
    swing = np.nanmax(supply) - np.nanmin(supply) if np.isfinite(supply).any() else np.nan
    report.check("coolant swing", bool(swing >= SWING_MIN_K), f"{swing:.2f} K, at least {SWING_MIN_K:g} K")


def check_power(run, orbit, report):
    """Array power, and the state of charge that the logged heat leads to."""
    power = Power(run.profile, run.share, run.full, run.idle)
    t = run.mission[run.running]
    array = run.column("power_array_w")
    off = array[run.running] - power.array(orbit.at(t)["env_array_w_m2"])
    blurred = orbit.penumbra(t, EDGE_NEAR_S)
    if np.isfinite(off).mean() < COMPLETE:
        report.check("array power", False, f"cells in only {np.isfinite(off).mean():.1%} of the running rows, at least {COMPLETE:.0%}")
    else:
        worst = np.nanmax(np.abs(np.where(blurred, 0.0, off)))
        report.within("array power", worst / power.array(orbit.solar), POWER_TOL, "of full sun's", f": {worst:.3f} W off, penumbra aside")
    soc, given, heat = (run.column(name) for name in ("power_battery_soc_frac", "power_battery_w", "flight_heat_w"))
    if not power.battery:
        none = not (np.isfinite(soc).any() or np.isfinite(given).any())
        report.check("state of charge", none, "no battery in the profile, and no figures of one" if none else "figures of a battery that the profile has not")
        return power
    usable = run.running & np.isfinite(soc) & np.isfinite(heat)
    if usable.sum() < COMPLETE * run.running.sum():
        report.check("state of charge", False, f"it and heat in only {usable.sum() / run.running.sum():.1%} of the running rows, at least {COMPLETE:.0%}")
        return power
    worst, worst_w, moved = 0.0, 0.0, 0
    for segment in np.unique(run.segment[usable]):
        rows = np.flatnonzero(usable & (run.segment == segment))
        rows = rows[np.concatenate([[True], np.diff(np.maximum.accumulate(run.mission[rows])) > 1e-9])]
        if len(rows) < 2:
            continue
        state, times = soc[rows[0]], run.mission[rows]
        pieces = np.linspace(times[:-1], times[1:], 5)
        made = power.array(orbit.at(pieces.ravel())["env_array_w_m2"]).reshape(pieces.shape).mean(axis=0)
        for k in range(1, len(rows)):
            dt = times[k] - times[k - 1]
            state, flow = power.step(state, made[k - 1] - power.load(heat[rows[k]]), dt)
            worst = max(worst, soc[rows[k]] - state, state - soc[rows[k]])
            # Only single ticks are compared, none in penumbra, where the array's second matters, and none in which the battery is about
            # full, where the last digit of the charge decides what still fits in.
            single = dt < 1.5 * np.median(np.diff(times)) and not blurred[np.searchsorted(t, times[k])]
            if np.isfinite(given[rows[k]]) and single and max(state, soc[rows[k]]) < 0.999:
                worst_w, moved = max(worst_w, abs(given[rows[k]] - flow)), moved + 1
    report.within("state of charge", worst, SOC_TOL, "", f", {len(rows)} rows, {np.nanmin(soc):.4f} to {np.nanmax(soc):.4f}")
    report.check("battery power", moved > 0.5 * (soc[usable] < 0.998).sum() - 1 and worst_w <= POWER_TOL * power.array(orbit.solar),
                 f"{worst_w:.4g} W off at most in {moved} ticks, tolerance {POWER_TOL * power.array(orbit.solar):.3g} W")
    start, end = soc[usable][0], soc[usable][-1]
    report.note("state of charge", f"{start:.4f} at the start, {end:.4f} at the end")
    return power


def check_work(run, orbit, power, report):
    """Returns work per mission second, measured and as the oracle's part of full load, or None."""
    t = run.mission[run.running]
    units, rate = run.column("work_units")[run.running], run.column("work_units_per_s")[run.running]
    there = np.flatnonzero(np.isfinite(units))
    if len(there) < COMPLETE * len(t) or np.isfinite(rate).mean() < COMPLETE or t[there[-1]] - t[there[0]] < COMPLETE * (t[-1] - t[0]):
        report.check("work ratio", False, f"work and its rate are not there in at least {COMPLETE:.0%} of the running rows")
        return None
    first, last = there[0], there[-1]
    grid = np.linspace(t[first], t[last], int(2 * (t[last] - t[first])) + 2)
    env = orbit.at(grid)
    socs = run.column("power_battery_soc_frac")[run.running]
    soc = next((s for s in socs[first:] if np.isfinite(s)), np.nan)
    if power.battery and not np.isfinite(soc):
        report.check("work ratio", False, "no state of charge to begin with")
        return None
    part, _ = power.allowed(orbit, grid, soc)
    mean = float((0.5 * (part[1:] + part[:-1])).mean())
    in_sun = part[env["env_illumination_frac"] >= 1.0]
    sunlit_rate = rate[(orbit.at(t)["env_illumination_frac"] >= 1.0) & np.isfinite(rate)]
    if not len(in_sun) or not len(sunlit_rate) or np.median(in_sun) <= 0.0 or np.median(sunlit_rate) <= 0.0:
        report.check("work ratio", False, "no work in full sun to set it against")
        return None
    done = (units[last] - units[first]) / (t[last] - t[first])
    got, want = done / np.median(sunlit_rate), mean / np.median(in_sun)
    report.within("work ratio", got / want - 1.0, WORK_TOL, "relative",
                  f": {got:.4f} of the rate in full sun, expected {want:.4f} (full sun allows {np.median(in_sun):.4f} of full load)")
    return done, mean


def check(folder, report):
    run = Run(folder)
    report.note("run", f"{run.name}, simulated = {run.simulated}")
    orbit = Orbit(run.profile)
    check_complete(run, report)
    check_environment(run, orbit, report)
    check_flight(run, orbit, report)
    check_bench(run, report)
    check_counter(run, report)
    check_swing(run, orbit, report)
    power = check_power(run, orbit, report)
    return check_work(run, orbit, power, report)


def check_all(folders, report):
    """One folder's checks, or two folders' and their work compared."""
    works = [check(folder, report) for folder in folders]
    if len(works) == 2:
        if None in works:
            report.check("work of the two runs", False, "one of them has no work to compare")
        else:
            got, want = works[0][0] / works[1][0], works[0][1] / works[1][1]
            report.within("work of the two runs", got / want - 1.0, WORK_TOL, "relative",
                          f": per mission second first/second {got:.4f}, expected {want:.4f}")
    return not report.failed


def main(arguments):
    if arguments == ["--self-test"]:
        import oracle_control

        return oracle_control.main()
    if not 1 <= len(arguments) <= 2 or any(a.startswith("-") for a in arguments):
        print("usage: oracle.py RUN_FOLDER [RUN_FOLDER2] | oracle.py --self-test", file=sys.stderr)
        return 2
    report = Report()
    try:
        passes = check_all(arguments, report)
    except Unusable as error:
        print(f"oracle: {error}", file=sys.stderr)
        return 2
    print("all checks pass" if passes else f"failed: {', '.join(report.failed)}")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
