"""The peers of `cargo bench -p orbitbench-model --bench peers`: the same work done by programs we did not write.

`python3 peers.py CASE ARGS...` prints one line of JSON: seconds of the work alone (no imports, no set-up), how many units of it, and
what came out, so that the bench can say whether both did the same. A peer that is not installed exits with 3 and says which.

Cases: `day` (Basilisk: two-body orbit, conical shadow), `chain` (SciPy: LSODA, rtol 1e-8), `sgp4` (python-sgp4, its C++ core),
`skyfield` (SGP4 turned into GCRS).
"""

import json
import sys
import time


def say(seconds, units, **found):
    print(json.dumps({"seconds": seconds, "units": units, **found}))


def day(mu_km3_s2, sun_km, node, step_s, steps):
    """`steps` steps of Basilisk's spacecraft with a point-mass Earth and its eclipse model; mean of the shadow factor."""
    import numpy as np
    from Basilisk.architecture import messaging
    from Basilisk.simulation import eclipse, spacecraft
    from Basilisk.utilities import SimulationBaseClass, macros, simIncludeGravBody

    sim = SimulationBaseClass.SimBaseClass()
    process = sim.CreateNewProcess("p")
    process.addTask(sim.CreateNewTask("t", macros.sec2nano(step_s)))
    craft = spacecraft.Spacecraft()
    factory = simIncludeGravBody.gravBodyFactory()
    earth = factory.createEarth()
    earth.isCentralBody = True
    earth.mu = mu_km3_s2 * 1e9
    factory.addBodiesTo(craft)
    position, velocity = (np.array(v) * 1e3 for v in node)
    craft.hub.r_CN_NInit, craft.hub.v_CN_NInit = position.tolist(), velocity.tolist()
    shadow = eclipse.Eclipse()
    sun = messaging.SpicePlanetStateMsgPayload()
    sun.PositionVector = [x * 1e3 for x in sun_km]
    sun.PlanetName = "sun"
    ball = messaging.SpicePlanetStateMsgPayload()
    ball.PositionVector = [0.0, 0.0, 0.0]
    ball.PlanetName = "earth"
    sun_message, earth_message = messaging.SpicePlanetStateMsg().write(sun), messaging.SpicePlanetStateMsg().write(ball)
    shadow.sunInMsg.subscribeTo(sun_message)
    shadow.addPlanetToModel(earth_message)
    shadow.addSpacecraftToModel(craft.scStateOutMsg)
    sim.AddModelToTask("t", craft)
    sim.AddModelToTask("t", shadow)
    log = shadow.eclipseOutMsgs[0].recorder()
    sim.AddModelToTask("t", log)
    sim.InitializeSimulation()
    sim.ConfigureStopTime(macros.sec2nano(step_s * (steps - 1)))
    start = time.perf_counter()
    sim.ExecuteSimulation()
    took = time.perf_counter() - start
    # The field was renamed between releases.
    factor = log.illuminationFactor if hasattr(log, "illuminationFactor") else log.shadowFactor
    say(took, len(factor), sunlit=float(np.mean(factor)))


def chain(seconds):
    """The ten-node chain of the bench, by LSODA at rtol 1e-8."""
    import numpy as np
    from scipy.integrate import solve_ivp

    capacity = np.array([5.0, 50.0, 400.0, 1500.0, 300.0, 8e3, 8e3, 8e3, 8e3, 2e4])
    between = np.array([40.0, 20.0, 60.0, 100.0, 80.0, 30.0, 30.0, 30.0, 5.0])

    def rates(t, x):
        heat = np.zeros(10)
        heat[0] = 700.0
        flow = between * (x[:-1] - x[1:])
        heat[:-1] -= flow
        heat[1:] += flow
        absorbed = 0.3 * (150.0 + 100.0 * np.sin(2.0 * np.pi * t / 5863.0))
        heat[5:] += absorbed - 0.45 * 5.670374419e-8 * (x[5:] ** 4 - 2.725**4)
        return heat / capacity

    start = time.perf_counter()
    solution = solve_ivp(rates, (0.0, seconds), np.full(10, 290.0), method="LSODA", rtol=1e-8, atol=1e-8, t_eval=np.arange(600.0, seconds + 1.0, 600.0))
    took = time.perf_counter() - start
    say(took, 1, kelvin=solution.y.T.tolist())


def sgp4(line1, line2, step_s, steps):
    """`steps` propagations of one satellite."""
    import numpy as np
    from sgp4.api import Satrec, accelerated

    satellite = Satrec.twoline2rv(line1, line2)
    days = satellite.jdsatepochF + np.arange(steps) * step_s / 86400.0
    whole = np.full(steps, satellite.jdsatepoch)
    start = time.perf_counter()
    _, position, _ = satellite.sgp4_array(whole, days)
    took = time.perf_counter() - start
    say(took, steps, radius_km=float(np.linalg.norm(position[-1])), compiled=bool(accelerated))


def skyfield(line1, line2, step_s, steps):
    """The same, turned into the inertial frame of J2000."""
    import numpy as np
    from skyfield.api import EarthSatellite, load

    scale = load.timescale(builtin=True)
    satellite = EarthSatellite(line1, line2, ts=scale)
    times = scale.tt_jd(satellite.epoch.tt + np.arange(steps) * step_s / 86400.0)
    start = time.perf_counter()
    position = satellite.at(times).position.km
    took = time.perf_counter() - start
    say(took, steps, radius_km=float(np.linalg.norm(position[:, -1])))


if __name__ == "__main__":
    try:
        {"day": day, "chain": chain, "sgp4": sgp4, "skyfield": skyfield}[sys.argv[1]](*json.loads(sys.argv[2]))
    except ImportError as missing:
        print(f"{missing.name or missing} is not installed", file=sys.stderr)
        sys.exit(3)
