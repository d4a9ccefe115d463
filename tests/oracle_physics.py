"""The physics that `oracle.py` holds a run against: Sun, orbit, shadow, fluxes and the flight network.

For: the same quantities as the project's model, reached another way: the Sun from VSOP87 terms, the shadow and the view factor
by quadrature on the sphere, the network by LSODA.

Not: a shared library. Nothing of the project is imported, and nothing in the project may use this.
"""

from datetime import datetime, timezone

import numpy as np
from scipy.integrate import odeint
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from oracle_folder import Unusable, number, table, word


SIGMA = 5.670374419e-8  # W/m2/K4, CODATA 2018
ZERO_C = 273.15  # K, SI Brochure 9th ed., 2.3.1
AU_KM = 149597870.7  # km, IAU 2012 Resolution B2
R_SUN_KM = 695700.0  # km, IAU 2015 Resolution B3, nominal
R_EARTH_KM = 6378.137  # km, WGS 84 equatorial radius
MU_EARTH = 398600.4418  # km3/s2, WGS 84 (EGM96), as the contract of the profiles fixes it
J2_EARTH = 1.08262668e-3  # EGM96, unnormalised
TROPICAL_YEAR_D = 365.2421897  # d, IAU mean tropical year at J2000.0
TT_MINUS_UTC_S = 69.184  # s, 37 leap seconds (IERS Bulletin C 52) + 32.184 s
ARCSEC = np.pi / 648000.0

# Heliocentric Earth, ecliptic and equinox of date: the largest terms of VSOP87D (Bretagnon & Francou 1988, A&A 202, 309), in
# the rounding of Reda & Andreas, NREL/TP-560-34302 (2008), table A4.2. A, B, C: A cos(B + C t), A in 1e-8 rad or AU, t in
# Julian millennia of TT from J2000.0.
EARTH_L = (
    ((175347046, 0, 0), (3341656, 4.6692568, 6283.07585), (34894, 4.6261, 12566.1517), (3497, 2.7441, 5753.3849),
     (3418, 2.8289, 3.5231), (3136, 3.6277, 77713.7715), (2676, 4.4181, 7860.4194), (2343, 6.1352, 3930.2097),
     (1324, 0.7425, 11506.7698), (1273, 2.0371, 529.691), (1199, 1.1096, 1577.3435), (990, 5.233, 5884.927),
     (902, 2.045, 26.298), (857, 3.508, 398.149), (780, 1.179, 5223.694), (753, 2.533, 5507.553), (505, 4.583, 18849.228),
     (492, 4.205, 775.523), (357, 2.92, 0.067), (317, 5.849, 11790.629), (284, 1.899, 796.298), (271, 0.315, 10977.079),
     (243, 0.345, 5486.778), (206, 4.806, 2544.314), (205, 1.869, 5573.143), (202, 2.458, 6069.777), (156, 0.833, 213.299),
     (132, 3.411, 2942.463), (126, 1.083, 20.775), (115, 0.645, 0.98), (103, 0.636, 4694.003), (102, 0.976, 15720.839),
     (102, 4.267, 7.114)),
    ((628331966747, 0, 0), (206059, 2.678235, 6283.07585), (4303, 2.6351, 12566.1517), (425, 1.59, 3.523),
     (119, 5.796, 26.298), (109, 2.966, 1577.344)),
    ((52919, 0, 0), (8720, 1.0721, 6283.0758), (309, 0.867, 12566.152)),
    ((289, 5.844, 6283.076), (35, 0, 0), (17, 5.49, 12566.15)),
)
EARTH_B = (((280, 3.199, 84334.662), (102, 5.422, 5507.553), (80, 3.88, 5223.69), (44, 3.7, 2352.87), (32, 4, 1577.34)),)
EARTH_R = (
    ((100013989, 0, 0), (1670700, 3.0984635, 6283.07585), (13956, 3.05525, 12566.1517), (3084, 5.1985, 77713.7715),
     (1628, 1.1739, 5753.3849), (1576, 2.8469, 7860.4194), (925, 5.453, 11506.77), (542, 4.564, 3930.21),
     (472, 3.661, 5884.927), (346, 0.964, 5507.553), (329, 5.9, 5223.694), (307, 0.299, 5573.143), (243, 4.273, 11790.629),
     (212, 5.847, 1577.344), (186, 5.022, 10977.079), (175, 3.012, 18849.228), (110, 5.055, 5486.778)),
    ((103019, 1.10749, 6283.07585), (1721, 1.0644, 12566.1517), (702, 3.142, 0)),
    ((4359, 5.7846, 6283.0758), (124, 5.579, 12566.152)),
)


def _series(tables, t):
    return sum(t**power * sum(a * np.cos(b + c * t) for a, b, c in table) for power, table in enumerate(tables)) * 1e-8


def _precession(centuries):
    """Mean equator and equinox of J2000.0 to those of date, (n, 3, 3): Capitaine, Wallace & Chapront 2003, A&A 412, 567, eq. 40."""
    t = np.atleast_1d(np.asarray(centuries, float))
    zeta = (2.650545 + t * (2306.083227 + t * (0.2988499 + t * 0.01801828))) * ARCSEC
    z = (-2.650545 + t * (2306.077181 + t * (1.0927348 + t * 0.01826837))) * ARCSEC
    theta = t * (2004.191903 - t * (0.4294934 + t * 0.04182264)) * ARCSEC
    ca, sa, cz, sz, ct, st = np.cos(zeta), np.sin(zeta), np.cos(z), np.sin(z), np.cos(theta), np.sin(theta)
    rows = [[cz * ct * ca - sz * sa, -cz * ct * sa - sz * ca, -cz * st],
            [sz * ct * ca + cz * sa, -sz * ct * sa + cz * ca, -sz * st],
            [st * ca, -st * sa, ct]]
    return np.moveaxis(np.array(rows), 2, 0)


def sun(epoch_d, mission_s):
    """Unit vectors to the Sun from Earth's centre in the mean equator and equinox of the epoch, aberration included, nutation
    not, and its distance in AU. `epoch_d`: days of TT from J2000.0 at the epoch."""
    days = epoch_d + np.asarray(mission_s, float) / 86400.0
    t = days / 365250.0
    distance = _series(EARTH_R, t)
    # NREL/TP-560-34302 eq. 21: annual aberration.
    longitude = _series(EARTH_L, t) + np.pi - 20.4898 * ARCSEC / distance
    latitude = -_series(EARTH_B, t)
    obliquity = (84381.406 - 46.836769 * 10.0 * t) * ARCSEC  # IAU 2006, mean
    x, y, z = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)
    of_date = np.stack([x, y * np.cos(obliquity) - z * np.sin(obliquity), y * np.sin(obliquity) + z * np.cos(obliquity)], axis=-1)
    to_j2000 = np.einsum("nji,nj->ni", _precession(days / 36525.0), of_date)
    return to_j2000 @ _precession(epoch_d / 36525.0)[0].T, distance


def visible_sun(separation, sun_radius, earth_radius):
    """Visible fraction of the solar disc, all angles in radians: quadrature over rings about the Sun's centre, on the sphere."""
    separation, sun_radius = np.broadcast_arrays(np.asarray(separation, float), np.asarray(sun_radius, float))
    out = np.where(separation >= earth_radius, 1.0, 0.0)
    partial = np.abs(separation - earth_radius) < sun_radius
    if not partial.any():
        return out
    c, a = separation[partial][:, None], sun_radius[partial][:, None]
    # Rings nearer than `kink` to the Sun's centre do not cross the limb: all seen, or all hidden.
    kink = np.abs(c - earth_radius)
    nodes, weights = np.polynomial.legendre.leggauss(48)
    # Quadratic spacing from the kink takes its square-root start away.
    s = 0.5 * (nodes + 1.0)
    rho = kink + (a - kink) * s**2
    weight = weights * (a - kink) * s
    cosine = (np.cos(earth_radius) - np.cos(rho) * np.cos(c)) / (np.sin(rho) * np.sin(c))
    hidden = 2.0 * np.arccos(np.clip(cosine, -1.0, 1.0)) * np.sin(rho)
    inner = np.where(c < earth_radius, 2.0 * np.pi * (1.0 - np.cos(kink)), 0.0)
    out[partial] = 1.0 - ((hidden * weight).sum(axis=1) + inner[:, 0]) / (2.0 * np.pi * (1.0 - np.cos(a[:, 0])))
    return out


def view_factor(cos_tilt, height):
    """Plate to sphere, `height` = r/R, tilt from the nadir, horizon cut-off included: cosine-weighted solid angle by quadrature
    over rings about the nadir; each ring's part above the plate's horizon is elementary."""
    tilt = np.arccos(np.clip(np.atleast_1d(np.asarray(cos_tilt, float)), -1.0, 1.0))[:, None]
    limb = np.arcsin(1.0 / height)
    kink = np.clip(np.abs(0.5 * np.pi - tilt), 0.0, limb)
    nodes, weights = np.polynomial.legendre.leggauss(32)
    s = 0.5 * (nodes + 1.0)
    total = 0.0
    for low, span in ((kink, limb - kink), (kink, -kink)):
        ring = low + span * s**2
        a, b = np.cos(tilt) * np.cos(ring), np.sin(tilt) * np.sin(ring)
        with np.errstate(divide="ignore", invalid="ignore"):
            half = np.arccos(np.clip(np.where(b > 0.0, -a / b, -np.sign(a)), -1.0, 1.0))
        total = total + (2.0 * (a * half + b * np.sin(half)) * np.sin(ring) * weights * np.abs(span) * s).sum(axis=1)
    return total / np.pi


def lit_factor(attitude, height, nodes=361, rings=150, spokes=300):
    """What two faces get of the light that a sphere, `height` = r/R below, scatters evenly: angles of the Sun from the zenith, and a
    factor for each face at each of them (times sunlight and albedo), by a sum over patches of the sphere. The patches beyond the
    terminator are dark, those behind the plate unseen."""
    edges = np.arccos(1.0 / height) * np.linspace(0.0, 1.0, rings + 1) ** 2
    central = 0.5 * (edges[1:] + edges[:-1])[:, None]
    area = (np.cos(edges[:-1]) - np.cos(edges[1:]))[:, None] * (2.0 * np.pi / spokes)
    around = (np.arange(spokes) + 0.5)[None, :] * (2.0 * np.pi / spokes)
    ground = np.array([np.sin(central) * np.cos(around), np.sin(central) * np.sin(around), np.cos(central) + 0.0 * around])
    line = ground - np.array([0.0, 0.0, height])[:, None, None]
    weight = np.maximum(-(ground * line).sum(axis=0), 0.0) * area / (np.pi * (line**2).sum(axis=0) ** 2)
    angles, out = np.linspace(0.0, np.pi, nodes), np.zeros((nodes, 2))
    for k, angle in enumerate(angles):
        to_sun = np.array([np.sin(angle), 0.0, np.cos(angle)])
        normal = {"sun_edge": np.array([0.0, 1.0, 0.0]), "nadir": np.array([0.0, 0.0, 1.0]), "sun_normal": to_sun}[attitude]
        day = np.maximum(np.tensordot(to_sun, ground, 1), 0.0) * weight
        if day.any():
            plate = np.tensordot(normal, line, 1)
            out[k] = (np.maximum(plate, 0.0) * day).sum(), (np.maximum(-plate, 0.0) * day).sum()
    return angles, out


def aged_absorptivity(profile):
    """Solar absorptivity as flown: straight from begin to end of life, and no further."""
    panel, mission = table(profile, "radiator"), profile.get("mission")
    new = number(panel, "solar_absorptivity_frac")
    if mission is None or "end_of_life_solar_absorptivity_frac" not in panel:
        return new
    old = number(panel, "end_of_life_solar_absorptivity_frac")
    return new + (old - new) * min(1.0, number(mission, "age_years") / number(mission, "life_years"))


class Orbit:
    """The profile's orbit and environment, recomputed."""

    def __init__(self, profile):
        orbit, world, panel = (table(profile, name) for name in ("orbit", "environment", "radiator"))
        if word(orbit, "kind") != "sun_synchronous":
            raise Unusable(f"profile: orbit.kind {orbit['kind']!r} is not one this check knows (sun_synchronous)")
        self.attitude = word(panel, "attitude")
        if self.attitude not in ("sun_edge", "nadir", "sun_normal"):
            raise Unusable(f"profile: radiator.attitude {self.attitude!r} is not one this check knows")
        epoch = orbit.get("epoch")
        if not isinstance(epoch, datetime):
            raise Unusable("profile: orbit.epoch is missing or no date and time")
        epoch = epoch if epoch.tzinfo else epoch.replace(tzinfo=timezone.utc)
        j2000 = datetime(2000, 1, 1, 12, tzinfo=timezone.utc)
        self.epoch_d = ((epoch - j2000).total_seconds() + TT_MINUS_UTC_S) / 86400.0
        self.radius = R_EARTH_KM + number(orbit, "altitude_km")
        self.rate = np.sqrt(MU_EARTH / self.radius**3)
        self.node_rate = 2.0 * np.pi / (TROPICAL_YEAR_D * 86400.0)
        # First-order secular drift of the node, Vallado, Fundamentals of Astrodynamics, 4th ed., eq. 9-37.
        self.inclination = np.arccos(-self.node_rate / (1.5 * J2_EARTH * (R_EARTH_KM / self.radius) ** 2 * self.rate))
        t = self.epoch_d / 365250.0
        mean_sun = np.pi + 1e-8 * sum(t**k * EARTH_L[k][0][0] for k in range(3))
        self.node = mean_sun + np.radians(15.0 * (number(orbit, "ltan_h") - 12.0))
        self.start = np.radians(number(orbit, "start_deg"))
        self.solar, self.albedo, self.ir = (number(world, k) for k in ("solar_constant_w_m2", "albedo_frac", "planet_ir_w_m2"))
        self.alpha, self.emissivity = aged_absorptivity(profile), number(panel, "emissivity_frac")
        if panel.get("tilt_error_deg", 0.0) != 0.0:
            raise Unusable("profile: pointing errors are not among what this check knows")
        self.lit = lit_factor(self.attitude, self.radius / R_EARTH_KM) if world.get("albedo_model", "disc") == "disc" else None

    def _vectors(self, t):
        node, u = self.node + self.node_rate * t, self.start + self.rate * t
        ci, si = np.cos(self.inclination), np.sin(self.inclination)
        cn, sn, cu, su = np.cos(node), np.sin(node), np.cos(u), np.sin(u)
        position = np.stack([cn * cu - sn * su * ci, sn * cu + cn * su * ci, su * si], axis=-1)
        pole = np.stack([sn * si, -cn * si, np.full_like(t, ci)], axis=-1)
        return position, pole

    def at(self, mission_s):
        """The `env_*` columns (illumination, beta, fluxes, sink) as a dictionary of arrays; long arrays go in pieces."""
        t = np.atleast_1d(np.asarray(mission_s, float))
        pieces = [self._piece(p) for p in np.array_split(t, max(1, len(t) // 20000))]
        return {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}

    def _separation(self, t):
        position, pole = self._vectors(t)
        to_sun, distance = sun(self.epoch_d, t)
        from_satellite = to_sun * (distance * AU_KM)[:, None] - position * self.radius
        far = np.linalg.norm(from_satellite, axis=1)
        from_satellite = from_satellite / far[:, None]
        apart = np.arctan2(np.linalg.norm(np.cross(from_satellite, -position), axis=1), -(from_satellite * position).sum(axis=1))
        return position, pole, to_sun, distance, from_satellite, apart, np.arcsin(R_SUN_KM / far)

    def penumbra(self, t, margin_s):
        """True where the satellite is in penumbra or within `margin_s` of its edges."""
        near = np.zeros(len(t), bool)
        for shift in np.linspace(-margin_s, margin_s, 9):
            *_, apart, sun_radius = self._separation(t + shift)
            near |= np.abs(apart - np.arcsin(R_EARTH_KM / self.radius)) < sun_radius
        return near

    def _piece(self, t):
        position, pole, to_sun, distance, from_satellite, apart, sun_radius = self._separation(t)
        lit = visible_sun(apart, sun_radius, np.arcsin(R_EARTH_KM / self.radius))
        flux = self.solar / distance**2
        if self.attitude == "sun_edge":
            normal = np.cross(to_sun, position)
            normal = normal / np.linalg.norm(normal, axis=1)[:, None]
        else:
            normal = position if self.attitude == "nadir" else to_sun
        day = np.maximum(0.0, (to_sun * position).sum(axis=1))
        sunward, earthward = (normal * from_satellite).sum(axis=1), -(normal * position).sum(axis=1)
        env = {
            "env_illumination_frac": lit,
            "env_beta_deg": np.degrees(np.arcsin(np.clip((to_sun * pole).sum(axis=1), -1.0, 1.0))),
            "env_solar_w_m2": flux * lit,
            "env_array_w_m2": flux * lit,
        }
        height = self.radius / R_EARTH_KM
        overhead = np.arccos(np.clip((to_sun * position).sum(axis=1), -1.0, 1.0))
        for face, sign in (("a", 1.0), ("b", -1.0)):
            seen = view_factor(sign * earthward, height)
            scattered = np.interp(overhead, self.lit[0], self.lit[1][:, 0 if face == "a" else 1]) if self.lit else seen * day
            env[f"env_{face}_solar_w_m2"] = flux * lit * np.maximum(0.0, sign * sunward)
            env[f"env_{face}_albedo_w_m2"] = self.albedo * flux * scattered
            env[f"env_{face}_ir_w_m2"] = self.ir * seen
        sunlight, infrared = self.absorbed(env)
        env["env_sink_degc"] = ((self.alpha * sunlight + self.emissivity * infrared) / (2.0 * self.emissivity * SIGMA)) ** 0.25 - ZERO_C
        return env

    @staticmethod
    def absorbed(env):
        """Incident sunlight (direct and reflected) and infrared, both faces together, W/m2."""
        return (sum(env[f"env_{face}_{kind}_w_m2"] for face in "ab" for kind in ("solar", "albedo")),
                sum(env[f"env_{face}_ir_w_m2"] for face in "ab"))


def fin_efficiency(zeta):
    """Of a straight fin radiating to nothing: the tip temperature at which its base is at 1 (T'' = zeta T^4), by shooting."""
    if zeta < 1e-12:
        return 1.0

    def base(tip):
        return odeint(lambda y, s: [y[1], zeta * y[0] ** 4], [tip, 0.0], [0.0, 1.0], rtol=1e-11, atol=1e-12)[-1]

    return base(brentq(lambda tip: base(tip)[0] - 1.0, 0.05, 1.0, xtol=1e-13))[1] / zeta


class Network:
    """One accelerator's share of the satellite; state in K: die, plate, hot leg, cold leg; memory, manifold and own array where the
    profile has them; panels in the coolant's order. What pipes delay is not here: what is under way in them is not logged."""

    def __init__(self, profile, share):
        panel, loop, craft = (table(profile, name) for name in ("radiator", "loop", "satellite"))

        def optional(tree, key, default=0.0):
            return number(tree, key) if key in tree else default

        self.has_pipes = optional(loop, "hot_pipe_s") > 0.0 or optional(loop, "cold_pipe_s") > 0.0
        self.panels = int(number(panel, "panels"))
        kilo = 1e3 * share
        self.area = number(panel, "area_m2") * share / self.panels
        self.c_panel = number(panel, "heat_capacity_kj_m2k") * 1e3 * self.area
        self.eps = number(panel, "emissivity_frac"), optional(panel, "emissivity_b_frac", number(panel, "emissivity_frac"))
        facing = aged_absorptivity(profile)
        self.alpha = (facing, optional(panel, "solar_absorptivity_b_frac", facing))
        if "fin_length_m" in panel:
            scale = sum(self.eps) * SIGMA * number(panel, "fin_length_m") ** 2
            scale /= number(panel, "fin_conductivity_w_mk") * 1e-3 * number(panel, "fin_thickness_mm")
            grid = np.arange(0.0, 701.0, 5.0)
            self.efficiency = CubicSpline(grid, [fin_efficiency(scale * t**3) for t in grid])
        else:
            constant = number(panel, "fin_efficiency_frac")
            self.efficiency = lambda t: constant
        self.hidden = optional(panel, "neighbour_view_frac") * sum(self.eps) / 2.0
        self.loss, self.structure = optional(panel, "loss_w_k") * share / self.panels, optional(panel, "structure_degc", 20.0) + ZERO_C
        running, loops = optional(loop, "flow_frac", 1.0), optional(loop, "loops_frac", 1.0)
        self.flow = number(loop, "heat_capacity_rate_kw_k") * kilo * running * loops
        # Turbulent: conductances go with the 0.8th power of the flow in a loop; a lost loop takes its own away.
        wetted = kilo * loops * running**0.8
        self.coldest, self.band = number(loop, "minimum_supply_degc") + ZERO_C, number(loop, "bypass_band_k")
        self.eps_plate = -np.expm1(-number(loop, "plate_conductance_kw_k") * wetted / self.flow) if self.flow > 0.0 else 0.0
        self.ua_panel = number(loop, "radiator_conductance_kw_k") * wetted / self.panels
        self.c_hot, self.c_cold = number(loop, "hot_leg_kj_k") * kilo, number(loop, "cold_leg_kj_k") * kilo
        self.heater = optional(loop, "heater_kw") * kilo
        self.heater_off = optional(loop, "heater_setpoint_degc", self.coldest - ZERO_C) + ZERO_C
        self.heater_band = optional(loop, "heater_band_k", 2.0)
        self.c_manifold = optional(loop, "manifold_kj_k") * kilo
        self.g_die = number(craft, "die_plate_kw_k") * kilo
        self.c_die, self.c_plate = number(craft, "die_kj_k") * kilo, number(craft, "plate_kj_k") * kilo
        self.overhead = number(craft, "overhead_frac")
        self.memory_part = optional(craft, "memory_heat_frac")
        self.g_memory, self.c_memory = optional(craft, "memory_plate_kw_k") * kilo, optional(craft, "memory_kj_k") * kilo
        own = profile.get("own_array", {})
        self.array_heat = optional(own, "heat_frac")
        self.array_emission = SIGMA * (optional(own, "emissivity_front_frac") + optional(own, "emissivity_back_frac"))
        self.array_view = SIGMA * optional(own, "emissivity_back_frac") * sum(
            optional(own, f"view_{face}_frac") * eps for face, eps in zip("ab", self.eps))
        self.c_array = 1e3 * optional(own, "heat_capacity_kj_m2k")
        self.there = [c > 0.0 for c in (self.c_memory, self.c_manifold, self.c_array)]

    def columns(self):
        names = [name for name, there in zip(("memory", "manifold", "array"), self.there) if there]
        return ["flight_die_degc", "flight_plate_degc", "flight_return_degc", "flight_supply_degc"] + [
            f"flight_{name}_degc" for name in names] + [f"flight_panel{k}_degc" for k in range(1, self.panels + 1)]

    def absorbed(self, env):
        """What falls on the share, one row a moment: sunlight taken up, infrared an isothermal panel would take up (W per planform m2
        of panel), heat into the own array (W per m2 of it)."""
        sunlight = sum(alpha * (env[f"env_{face}_solar_w_m2"] + env[f"env_{face}_albedo_w_m2"]) for face, alpha in zip("ab", self.alpha))
        infrared = sum(eps * env[f"env_{face}_ir_w_m2"] for face, eps in zip("ab", self.eps))
        array = self.array_heat * env["env_array_w_m2"]
        if self.array_emission > 0.0 and not self.c_array > 0.0:
            infrared = infrared + self.array_view * array / self.array_emission
        return np.stack([sunlight, infrared, array], axis=-1)

    def slope(self, y, heat, absorbed):
        sunlight, infrared, on_array = absorbed
        die, plate, hot, cold, *rest = y
        added = [rest.pop(0) if there else None for there in self.there]
        memory, manifold, array = added
        panels = rest
        w = self.flow
        bypass = min(1.0, max(0.0, (self.coldest + self.band - cold) / self.band))
        through = (1.0 - bypass) * w
        taken = -np.expm1(-self.ua_panel / through) if through > 1e-9 * w else 0.0
        to_plate, to_coolant = self.g_die * (die - plate), self.eps_plate * w * (plate - cold)
        from_memory = self.g_memory * (memory - plate) if memory is not None else 0.0
        behind = hot if manifold is None else manifold
        to_behind = w * (cold - behind) + to_coolant
        if array is not None:
            infrared = infrared + self.array_view * array**4
        glow = [float(self.efficiency(t)) for t in panels]
        along, panel_slopes = hot, []
        for k, t in enumerate(panels):
            drop = taken * (along - t)
            along -= drop
            others = [j for j in (k - 1, k + 1) if 0 <= j < self.panels]
            outside = (1.0 - self.hidden * len(others)) * (infrared - sum(self.eps) * SIGMA * t**4)
            between = sum(glow[j] * (panels[j] ** 4 - t**4) for j in others) * self.hidden * sum(self.eps) * SIGMA
            gained = self.area * (sunlight + glow[k] * (outside + between)) + self.loss * (self.structure - t)
            panel_slopes.append((through * drop + gained) / self.c_panel)
        warmed = self.heater * min(1.0, max(0.0, (self.heater_off - cold) / self.heater_band))
        slopes = [
            ((1.0 - self.memory_part) * heat - to_plate) / self.c_die,
            (to_plate + from_memory + self.overhead * heat - to_coolant) / self.c_plate,
            (to_behind if manifold is None else w * (manifold - hot)) / self.c_hot,
            (w * (bypass * hot + (1.0 - bypass) * along - cold) + warmed) / self.c_cold,
        ]
        if memory is not None:
            slopes.append((self.memory_part * heat - from_memory) / self.c_memory)
        if manifold is not None:
            slopes.append(to_behind / self.c_manifold)
        if array is not None:
            slopes.append((on_array - self.array_emission * array**4) / self.c_array)
        return slopes + panel_slopes

    def replay(self, orbit, start, times, heats):
        """States at `times[1:]` by LSODA from `start` at `times[0]`, `heats[i]` held over the tick that ends at `times[i]`."""
        per_tick = 4
        fine = np.linspace(times[:-1], times[1:], per_tick, endpoint=False, axis=1).ravel()
        flux = self.absorbed(orbit.at(np.append(fine, times[-1])))
        state, states = np.asarray(start, float), []
        for i in range(1, len(times)):
            dt, heat = times[i] - times[i - 1], heats[i]
            knots = flux[(i - 1) * per_tick : i * per_tick + 1]
            scale = per_tick / dt

            def slope(t, y):
                at = min(max(t * scale, 0.0), per_tick)
                k = min(int(at), per_tick - 1)
                return self.slope(y.tolist(), heat, knots[k] + (at - k) * (knots[k + 1] - knots[k]))

            reached, info = odeint(slope, state, (0.0, dt), tfirst=True, rtol=1e-8, atol=1e-7, full_output=True, mxstep=5000)
            if info["message"] != "Integration successful.":
                raise Unusable(f"LSODA gave up at mission_s {times[i]}: {info['message']}")
            state = reached[-1]
            states.append(state)
        return np.array(states)
