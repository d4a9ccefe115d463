"""The negative control of `oracle.py`, run as `python3 tests/oracle.py --self-test`.

For: showing that the oracle can fail. Known values first (closed forms, published dates); then two synthetic run folders that
the oracle must pass, gaps included; then one thing wrong at a time, each of which must fail under its own name and no other.

Not: a check of any run, and no use of the project's code: the samples come from the oracle's physics, with RK4 for the network.
"""

import csv
import tempfile
import tomllib
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

import oracle
import oracle_physics as physics
from oracle_power import Power

TICK_S, STAGING_ROWS = 5.0, 12
PROFILE = """
duration_orbits = 1.0
[orbit]
kind = "sun_synchronous"
altitude_km = 650.0
ltan_h = 18.0
epoch = {epoch}
start_deg = 0.0
[environment]
solar_constant_w_m2 = 1361.0
albedo_frac = 0.30
planet_ir_w_m2 = 237.0
[radiator]
attitude = "sun_edge"
area_m2 = 150.0
panels = 4
emissivity_frac = 0.88
solar_absorptivity_frac = 0.07
fin_efficiency_frac = 0.92
heat_capacity_kj_m2k = 6.3
[loop]
heat_capacity_rate_kw_k = 12.5
minimum_supply_degc = 14.0
bypass_band_k = 2.0
plate_conductance_kw_k = 20.0
radiator_conductance_kw_k = 40.0
hot_leg_kj_k = 150.0
cold_leg_kj_k = 150.0
[satellite]
heat_kw = 100.0
overhead_frac = 0.12
die_plate_kw_k = 4.0
die_kj_k = 40.0
plate_kj_k = 500.0
[power]
array_kw = 130.0
conversion_loss_frac = 0.08
bus_kw = 10.0
array_ageing_frac_year = 0.005
[mission]
age_years = 2.0
life_years = 5.0
[battery]
capacity_kwh = 30.0
depth_frac = 0.40
charge_efficiency_frac = 0.95
discharge_efficiency_frac = 0.90
charge_kw = 40.0
discharge_kw = 50.0
fade_frac_year = 0.02
eclipse = "idle"
"""
PLANT = {"die_j_k": 60.0, "die_plate_k_w": 0.12, "plate_j_k": 350.0, "loss_w_k": 0.4, "sink_j_k": 900.0, "sink_k_w": 0.06,
         "capture_frac": 0.94, "room_degc": 23.0}
FULL_W, IDLE_W = 72.0, 16.0
SHARE = FULL_W * 1.12 / 100e3


class Controls:
    """Counts what misbehaved."""

    def __init__(self):
        self.bad = 0

    def expect(self, name, good, text):
        self.bad += not good
        print(f"{'ok   ' if good else 'WRONG'} {name}: {text}", flush=True)


def days_tt(*when):
    utc = datetime(*when, tzinfo=timezone.utc) - datetime(2000, 1, 1, 12, tzinfo=timezone.utc)
    return (utc.total_seconds() + physics.TT_MINUS_UTC_S) / 86400.0


def known_values(controls):
    # Seasons of 2026, US Naval Observatory, "Earth's Seasons" (to the minute). Nutation, at most 17.2", is not in our frame.
    for when, longitude in (((2026, 3, 20, 14, 46), 0.0), ((2026, 6, 21, 8, 25), 90.0), ((2026, 12, 21, 20, 50), 270.0)):
        (vector,), _ = physics.sun(days_tt(*when), np.array([0.0]))
        off = (np.degrees(np.arctan2(vector[1], vector[0] * np.cos(np.radians(23.436)))) - longitude + 180.0) % 360.0 - 180.0
        controls.expect(f"Sun at longitude {longitude:.0f}", abs(off) < 25 / 3600, f"{off * 3600:+.1f} arcsec, within 25")
    # JPL DE421, 2026-01-03 00:00 UTC.
    distance = physics.sun(days_tt(2026, 1, 3), np.array([0.0]))[1][0]
    controls.expect("Sun's distance", abs(distance - 0.983305) < 1e-4, f"{distance:.6f} AU, 0.983305 within 1e-4")

    h = 6921.0 / 6371.0
    edge_on = (np.arcsin(1.0 / h) - np.sqrt(h * h - 1.0) / h**2) / np.pi
    for tilt, want in ((0.0, 1.0 / h**2), (20.0, np.cos(np.radians(20.0)) / h**2), (90.0, edge_on), (175.0, 0.0)):
        got = physics.view_factor(np.cos(np.radians(tilt)), h)[0]
        controls.expect(f"view factor at {tilt:.0f} deg", abs(got - want) < 1e-6, f"{got:.9f}, closed form {want:.9f}")

    a, b = 0.00466, 0.02  # small discs, where the plane formula for two circles holds
    c = b + a * np.linspace(-0.98, 0.98, 15)
    x = (c * c + a * a - b * b) / (2.0 * c)
    lens = a * a * np.arccos(x / a) + b * b * np.arccos((c - x) / b) - c * np.sqrt(a * a - x * x)
    off = np.abs(physics.visible_sun(c, np.full_like(c, a), b) - 1.0 + lens / (np.pi * a * a)).max()
    controls.expect("disc overlap", off < 1e-5, f"{off:.1e} from the plane formula, within 1e-5")

    # 650 km, Sun at 1 AU and beta 58.57 deg (two-body, published with the profiles' reference numbers): s of umbra and penumbra.
    r, beta = physics.R_EARTH_KM + 650.0, np.radians(58.57)
    t = np.arange(-900.0, 900.0, 0.05)
    u = t * np.sqrt(physics.MU_EARTH / r**3)
    satellite = r * np.stack([-np.cos(u), np.sin(u), 0.0 * u], axis=1)
    gap = physics.AU_KM * np.array([np.cos(beta), 0.0, np.sin(beta)]) - satellite
    far = np.linalg.norm(gap, axis=1)
    apart = np.arccos((gap * -satellite).sum(axis=1) / (far * r))
    lit = physics.visible_sun(apart, np.arcsin(physics.R_SUN_KM / far), np.arcsin(physics.R_EARTH_KM / r))
    for name, got, want in (("shadow", (lit < 1.0).sum() * 0.05, 1209.453), ("umbra", (lit <= 0.0).sum() * 0.05, 1158.471)):
        controls.expect(name, abs(got - want) < 0.2, f"{got:.2f} s, {want} s within 0.2")

    orbit = physics.Orbit(profile("2026-06-21T00:00:00Z"))
    tilt = np.degrees(orbit.inclination)
    controls.expect("inclination", abs(tilt - 97.986) < 1e-3, f"{tilt:.4f} deg, 97.986 within 0.001")

    network, rng = physics.Network(profile("2026-06-21T00:00:00Z"), SHARE), np.random.default_rng(1)
    worst = 0.0
    for _ in range(50):
        y = rng.uniform(280.0, 330.0, 4 + network.panels)
        capacities = np.array([network.c_die, network.c_plate, network.c_hot, network.c_cold] + [network.c_panel] * network.panels)
        stored = (capacities * network.slope(y.tolist(), 60.0, (90.0, 0.0, 0.0))).sum()
        radiated = network.area * (0.92 * sum(network.eps) * physics.SIGMA * y[4:] ** 4 - 90.0).sum()
        worst = max(worst, abs(60.0 * (1.0 + network.overhead) - radiated - stored))
    controls.expect("first law of the network", worst < 1e-9, f"{worst:.1e} W, within 1e-9")


def profile(epoch):
    return tomllib.loads(PROFILE.format(epoch=epoch))


def rk4(network, state, t, dt, heat, flux):
    """One tick in half-second steps; `flux(t)` absorbed."""
    steps = int(np.ceil(dt / 0.5))
    h = dt / steps
    for _ in range(steps):
        q = flux(np.array([t, t + 0.5 * h, t + h]))
        k1 = np.array(network.slope(state, heat, q[0]))
        k2 = np.array(network.slope(state + 0.5 * h * k1, heat, q[1]))
        k3 = np.array(network.slope(state + 0.5 * h * k2, heat, q[1]))
        k4 = np.array(network.slope(state + h * k3, heat, q[2]))
        state, t = state + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), t + h
    return state


def synthetic(epoch):
    """A run that obeys every check: columns by name."""
    text = profile(epoch)
    orbit, network = physics.Orbit(text), physics.Network(text, SHARE)
    rng = np.random.default_rng(7)
    span = 2.0 * np.pi / orbit.rate
    mission = np.arange(0.0, span + TICK_S, TICK_S)
    n = len(mission)
    fine = np.linspace(0.0, mission[-1], 4 * n)
    env = orbit.at(mission)
    fine_env = orbit.at(fine)
    fine_flux = network.absorbed(fine_env)
    supply = Power(text, SHARE, FULL_W, IDLE_W)
    fine_part, _ = supply.allowed(orbit, fine, 0.9)
    # The mean over the tick that ends at a row.
    total = np.concatenate([[0.0], np.cumsum(0.5 * (fine_part[1:] + fine_part[:-1]) * np.diff(fine))])
    part = np.diff(np.interp(mission, fine, total), prepend=-fine_part[0] * TICK_S) / TICK_S
    heat = IDLE_W + (FULL_W - IDLE_W) * part + rng.normal(0.0, 0.5, n)
    lost = [200, 201, 640]  # rows that are not there at all: the heat of the row after them stands for them
    for k in reversed(lost):
        heat[k] = heat[k + 1]

    def flux(t):
        return np.stack([np.interp(t, fine, kind) for kind in fine_flux.T], axis=-1)
    charge, given = [0.9], [np.nan]
    array = supply.array(fine_env["env_array_w_m2"])
    for k in range(1, n):
        inside = (fine >= mission[k - 1]) & (fine <= mission[k])
        surplus = array[inside].mean() - supply.load(heat[k])
        # In a hundred pieces, by the account itself: stored, given, lost.
        stored, out = charge[-1] * supply.capacity, 0.0
        for _ in range(100):
            dt = TICK_S / 100.0
            if surplus > 0.0:
                taken = min(surplus, supply.charge_max, (supply.capacity - stored) / supply.eta_in / dt)
                stored, out = stored + taken * supply.eta_in * dt, out - taken * dt
            else:
                stored, out = stored + surplus / supply.eta_out * dt, out - surplus * dt
        charge.append(stored / supply.capacity)
        given.append(out / TICK_S)

    # One orbit of settling first.
    state = np.full(4 + network.panels, 300.0)
    for k in range(1, n):
        state = rk4(network, state, mission[k - 1], TICK_S, heat[k], flux)
    states = [state]
    for k in range(1, n):
        states.append(rk4(network, states[-1], mission[k - 1], TICK_S, heat[k], flux))
    states = np.array(states) - physics.ZERO_C

    room, p = PLANT["room_degc"], PLANT
    plate = states[:, 3]
    die = plate + heat * p["die_plate_k_w"]
    mean_plate = np.concatenate([plate[:1], 0.5 * (plate[1:] + plate[:-1])])
    rise = np.diff(plate, prepend=plate[0]) * p["plate_j_k"] + np.diff(die, prepend=die[0]) * p["die_j_k"]
    pumped = heat * p["capture_frac"] - p["loss_w_k"] * (mean_plate - room) - rise / TICK_S
    tec = 10.0 + 0.3 * np.abs(pumped)
    sink, decay = [room + (pumped[0] + tec[0]) * p["sink_k_w"]], np.exp(-TICK_S / (p["sink_j_k"] * p["sink_k_w"]))
    for k in range(1, n):
        aim = room + (pumped[k] + tec[k]) * p["sink_k_w"]
        sink.append(aim + (sink[-1] - aim) * decay)

    columns = {"tick": np.arange(n) + STAGING_ROWS, "bench_s": mission + STAGING_ROWS * TICK_S, "mission_s": mission, **env}
    columns["flight_heat_w"] = heat
    columns.update(zip(network.columns(), states.T))
    columns.update(rig_plate_degc=plate, rig_sink_degc=sink, rig_tec_w=tec, rig_pumped_w=pumped)
    columns.update(accel_die_degc=die, accel_power_w=heat)
    columns["accel_integral_j"] = np.cumsum(heat * TICK_S)
    columns["accel_energy_j"] = 5e6 + 1.002 * columns["accel_integral_j"]
    columns["work_units_per_s"] = 900.0 * part
    columns["work_units"] = np.cumsum(900.0 * part * TICK_S)
    columns["power_array_w"] = supply.array(env["env_array_w_m2"])
    columns["power_battery_w"], columns["power_battery_soc_frac"] = np.array(given), np.array(charge)
    columns = {name: np.asarray(values, float).copy() for name, values in columns.items()}
    for name in columns:
        # Three lost polls: empty cells, which the oracle must not read as zero.
        if name.startswith(("rig_", "accel_", "work_")):
            columns[name][400:403] = np.nan
    return {name: np.delete(values, lost) for name, values in columns.items()}


def write(folder, epoch, columns):
    folder.mkdir(exist_ok=True)
    plant = "\n".join(f"{k} = {v}" for k, v in PLANT.items())
    duration = np.nanmax(columns["mission_s"]) if "planned" not in columns else columns.pop("planned")
    (folder / "run.toml").write_text(
        f"simulated = true\n[plan]\nshare = {SHARE!r}\ndt_s = {TICK_S}\nduration_s = {duration}\nseed = 1\n"
        f"full_w = {FULL_W}\nidle_w = {IDLE_W}\n[profile]\ntext = '''{PROFILE.format(epoch=epoch)}'''\n"
        f"[rig]\ntext = '''\n[plant]\n{plant}\n'''\n")
    names = [n for n in columns if n not in ("tick", "bench_s", "mission_s")]
    places = {name: 6 if name.endswith("_frac") else 3 if name.startswith("env_") else 4 for name in names}
    with open(folder / "samples.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["segment", "tick", "bench_s", "mission_s", "state", "rig_ambient_degc", *names])
        for k in range(STAGING_ROWS):
            out.writerow([0, k, f"{k * TICK_S:.3f}", "", "staging", ""] + [""] * len(names))
        for i in range(len(columns["tick"])):
            out.writerow([0, int(columns["tick"][i]), f"{columns['bench_s'][i]:.3f}", f"{columns['mission_s'][i]:.3f}", "running", ""]
                         + ["" if np.isnan(columns[n][i]) else f"{columns[n][i]:.{places[n]}f}" for n in names])
        file.write("0,9999,123")  # a torn last row


def scaled(name, factor):
    return lambda c: c[name].__imul__(factor)


def shifted(name, by):
    return lambda c: c[name].__iadd__(by)


def blanked(c):
    c["accel_power_w"][::8] = np.nan


def squeezed(c):
    c["flight_supply_degc"] = 20.0 + 0.1 * (c["flight_supply_degc"] - 20.0)


def half(c):
    c["planned"] = c["mission_s"][-1]
    for name in list(c):
        if name != "planned":
            c[name] = c[name][: len(c[name]) // 2]


def dimmer(c):
    """Work counted 5 % too high while its rate in the sun is right."""
    c["work_units"] *= 1.05


def lossless(c):
    """A state of charge that goes as the battery's power goes: no heat in charging or discharging."""
    flow = np.nan_to_num(c["power_battery_w"]) * np.diff(c["mission_s"], prepend=c["mission_s"][0])
    text = profile(JUNE)
    c["power_battery_soc_frac"] = 0.9 - np.cumsum(flow) / Power(text, SHARE, FULL_W, IDLE_W).capacity


def faster(c):
    """A card that changed by 5 % between two runs: each run's own ratio stays right."""
    c["work_units"] *= 1.05
    c["work_units_per_s"] *= 1.05


def later(seconds):
    """The environment of another moment."""
    return lambda c: c.update(physics.Orbit(profile(JUNE)).at(c["mission_s"] + seconds))


def equinox_of_j2000(c):
    """The Sun of date held against axes of J2000.0: the classic mistake, 0.37 deg in 2026."""
    orbit = physics.Orbit(profile(JUNE))
    orbit.node -= np.radians(0.37)
    c.update(orbit.at(c["mission_s"]))


JUNE, JANUARY = "2026-06-21T00:00:00Z", "2026-01-15T00:00:00Z"
# What is done to the first run, or to the second; the checks that must fail (by the beginning of their names), and no others.
WRONGS = [
    ("environment, planet IR +3 W/m2", shifted("env_a_ir_w_m2", 3.0), None, ["environment env_a_ir_w_m2"]),
    ("environment, sunlight +3 W/m2", shifted("env_array_w_m2", 3.0), None, ["environment env_array_w_m2"]),
    ("environment, a second late", later(-1.0), None, ["environment env_"]),
    ("environment, Sun in the wrong frame", equinox_of_j2000, None, ["environment env_"]),
    ("flight panel +0.2 K", shifted("flight_panel2_degc", 0.2), None, ["flight flight_panel2_degc", "flight "]),
    ("heat +10 %", scaled("flight_heat_w", 1.1), None, ["flight ", "state of charge", "battery power"]),
    ("pumped heat -12 %", scaled("rig_pumped_w", 0.88), None, ["bench energy"]),
    ("counter +2 %", lambda c: c.update(accel_energy_j=c["accel_energy_j"] * 1.02), None, ["energy counter"]),
    ("work +5 %", dimmer, None, ["work ratio", "work of the two runs"]),
    ("second run's card +5 %", None, faster, ["work of the two runs"]),
    ("power missing in an eighth of the rows", blanked, None, ["bench energy", "energy counter, own"]),
    ("supply temperature swings a tenth", squeezed, None, ["coolant swing", "flight "]),
    ("array power +1 %", scaled("power_array_w", 1.01), None, ["array power"]),
    ("a charge of 0.5 % that nothing gave", lambda c: c["power_battery_soc_frac"][500:].__iadd__(0.005), None, ["state of charge"]),
    ("a battery that loses nothing", lossless, None, ["state of charge"]),
    ("a battery that gives what it takes", scaled("power_battery_w", -1.0), None, ["battery power"]),
    ("half an orbit", half, None, ["complete"]),
]


def failures(place, first, second):
    report = oracle.Report(quiet=True)
    write(place / "june", JUNE, first)
    write(place / "january", JANUARY, second)
    oracle.check_all([place / "june", place / "january"], report)
    return report.failed


def main():
    controls = Controls()
    known_values(controls)
    right = synthetic(JUNE), synthetic(JANUARY)
    fresh = lambda: [{name: values.copy() for name, values in table.items()} for table in right]
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        failed = failures(place, *fresh())
        controls.expect("a right run", not failed, f"failed: {failed or 'none'}")
        for name, spoil_first, spoil_second, wanted in WRONGS:
            first, second = fresh()
            if spoil_first:
                spoil_first(first)
            if spoil_second:
                spoil_second(second)
            failed = failures(place, first, second)
            named = all(any(f.startswith(w) for f in failed) for w in wanted)
            only = all(any(f.startswith(w) for w in wanted) for f in failed)
            controls.expect(name, named and only, f"failed: {', '.join(failed) or 'none'}")
        (place / "june" / "run.toml").write_text("simulated = true\n")
        try:
            oracle.check(place / "june", oracle.Report(quiet=True))
            controls.expect("a manifest without a profile", False, "was checked all the same")
        except oracle.Unusable as error:
            controls.expect("a manifest without a profile", True, f"refused: {error}")
    print("self-test: all controls behave" if not controls.bad else f"self-test: {controls.bad} misbehave")
    return 1 if controls.bad else 0
