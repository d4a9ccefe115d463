"""The array, the bus and the battery of a profile, recomputed: what the board may have, and how full the battery is.

For: `oracle.py`. The state of charge is integrated from the logged board heat and this file's own array power; the work that sunlight and
recharge allow, from the rules of the contract: a recharge is spread over the time to the next dark and comes before the compute.

Not: a shared library. Nothing of the project is imported, and nothing in the project may use this.
"""

import numpy as np

from oracle_folder import Unusable, number, table

RATED_W_M2 = 1361.0  # nominal total solar irradiance at 1 AU, IAU 2015 resolution B3
LOOK_AHEAD_S = 5.0


class Power:
    """One accelerator's share of array, bus and battery."""

    def __init__(self, profile, share, full, idle):
        power, craft = table(profile, "power"), table(profile, "satellite")
        if "cells" in power:
            raise Unusable("profile: [power.cells] is not something this check knows")
        age = float(profile.get("mission", {}).get("age_years", 0.0))
        health = (1.0 - float(power.get("array_ageing_frac_year", 0.0))) ** age
        facing = np.cos(np.radians(float(power.get("array_incidence_deg", 0.0))))
        self.full, self.idle = full, idle
        self.per_sunlight = share * number(power, "array_kw") * 1e3 * health * facing / RATED_W_M2 * (1.0 - number(power, "conversion_loss_frac"))
        self.bus, self.per_board = share * number(power, "bus_kw") * 1e3, 1.0 + number(craft, "overhead_frac")
        self.battery = "battery" in profile
        if not self.battery:
            return
        spec = table(profile, "battery")
        self.capacity = share * number(spec, "capacity_kwh") * 3.6e6 * (1.0 - float(spec.get("fade_frac_year", 0.0))) ** age
        self.floor = 1.0 - number(spec, "depth_frac")
        self.eta_in, self.eta_out = number(spec, "charge_efficiency_frac"), number(spec, "discharge_efficiency_frac")
        self.charge_max, self.discharge_max = (share * number(spec, key) * 1e3 for key in ("charge_kw", "discharge_kw"))
        self.ride = spec.get("eclipse") == "ride"

    def array(self, sunlight):
        return self.per_sunlight * sunlight

    def load(self, board):
        return self.bus + self.per_board * board

    def part(self, on_the_bus):
        """Part of full load that so much power on the bus allows."""
        board = (on_the_bus - self.bus) / self.per_board
        return np.clip((board - self.idle) / (self.full - self.idle), 0.0, 1.0)

    def step(self, soc, surplus, dt):
        """The state of charge after `dt` seconds of `surplus` watts, and what the battery gave (negative: took)."""
        if surplus >= 0.0:
            taken = min(surplus, self.charge_max, (1.0 - soc) * self.capacity / self.eta_in / dt)
            return min(1.0, soc + taken * self.eta_in * dt / self.capacity), -taken
        given = min(-surplus, self.discharge_max, soc * self.capacity * self.eta_out / dt)
        return max(0.0, soc - given / self.eta_out * dt / self.capacity), given

    def allowed(self, orbit, times, soc):
        """Part of full load at each of `times`, evenly spaced, from a battery that begins them with `soc`, and how full it is then."""
        env = orbit.at(times)
        made = self.array(env["env_array_w_m2"])
        if not self.battery:
            return self.part(made), np.full(len(times), np.nan)
        lit = env["env_illumination_frac"]
        period = 2.0 * np.pi / orbit.rate
        ahead = np.arange(times[0], times[-1] + period + LOOK_AHEAD_S, LOOK_AHEAD_S)
        dark = self.array(orbit.at(ahead)["env_array_w_m2"]) < self.load(self.idle)
        darks = ahead[dark & ~np.concatenate([[True], dark[:-1]])]
        lights = ahead[~dark & np.concatenate([[False], dark[:-1]])]
        until = np.searchsorted(lights, times, side="right")
        dark_left = np.where(until < len(lights), np.append(lights, 0.0)[until] - times, 0.0) * (made < self.load(self.idle))
        left = np.full(len(times), period)
        place = np.searchsorted(darks, times, side="right")
        near = place < len(darks)
        left[near] = np.clip(darks[place[near]] - times[near], 60.0, period)
        parts, socs, dt = np.zeros(len(times)), np.zeros(len(times)), np.diff(times, append=2.0 * times[-1] - times[-2])
        for k in range(len(times)):
            if self.ride and lit[k] < 1.0:
                kept = self.load(self.idle) * dark_left[k]
                spare = max(0.0, max(0.0, soc - self.floor) * self.capacity * self.eta_out - kept)
                beside = min(self.discharge_max, self.load(self.idle) + spare / 30.0)
            else:
                spare = max(0.0, made[k] - self.load(self.idle))
                beside = -min((1.0 - soc) * self.capacity / self.eta_in / left[k], self.charge_max, spare)
            parts[k], socs[k] = self.part(made[k] + beside), soc
            board = self.idle + parts[k] * (self.full - self.idle)
            soc, _ = self.step(soc, made[k] - self.load(board), dt[k])
        return parts, socs
