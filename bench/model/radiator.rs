//! The heat balance of a flat two-faced radiator panel in vacuum, per square metre of planform: what it emits, what it takes up,
//! the area a heat load needs, and how much a fin of finite conductivity loses against an isothermal one.
//!
//! Planet infrared is taken up with the emissivity (Kirchhoff), sunlight and albedo with the solar absorptivity. Two faces
//! emit, so planform flux counts them once each and nothing is doubled again. Not here: what falls on the faces
//! (`environment`), the coolant behind them (`flight`), kilograms (`mass`).

use crate::constants::STEFAN_BOLTZMANN_W_M2K4 as SIGMA;
use crate::environment::Sample;
use signal::{Kelvin, Watts};

/// Flux falling on a panel, both faces together, W per m2 of planform.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Incident {
    /// Sunlight, direct and reflected by the planet, W/m2.
    pub solar_w_m2: f64,
    /// Infrared of the planet, W/m2.
    pub ir_w_m2: f64,
}

impl Incident {
    /// What `env` sends to the two faces.
    pub fn on_both_faces(env: &Sample) -> Self {
        let (a, b) = (&env.a, &env.b);
        Self { solar_w_m2: a.solar_w_m2 + b.solar_w_m2 + a.albedo_w_m2 + b.albedo_w_m2, ir_w_m2: a.ir_w_m2 + b.ir_w_m2 }
    }
}

/// The surface of a panel, the same on both faces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Infrared emissivity, and so the infrared absorptivity, 0..1.
    pub emissivity_frac: f64,
    /// Absorptivity for sunlight, 0..1.
    pub solar_absorptivity_frac: f64,
    /// Heat shed over that of a panel all at its root temperature, 0..1; see [`fin_efficiency`].
    pub fin_efficiency_frac: f64,
}

impl Surface {
    /// Flux emitted at root temperature `t` by both faces, W per m2 of planform.
    pub fn emitted_w_m2(&self, t: Kelvin) -> f64 {
        self.emission_w_m2k4() * t.0.powi(4)
    }

    /// What both faces emit over the fourth power of the root temperature, W/(m2 K4).
    pub fn emission_w_m2k4(&self) -> f64 {
        2.0 * self.fin_efficiency_frac * self.emissivity_frac * SIGMA
    }

    /// Flux taken up from outside, W per m2 of planform. The fin efficiency lowers the infrared exchange both ways, so that a
    /// panel in an enclosure at its own temperature is in balance.
    pub fn absorbed_w_m2(&self, incident: Incident) -> f64 {
        self.solar_absorptivity_frac * incident.solar_w_m2 + self.fin_efficiency_frac * self.emissivity_frac * incident.ir_w_m2
    }

    /// Flux shed in the end, W per m2 of planform: emitted less taken up. Negative where the surroundings heat the panel.
    pub fn net_w_m2(&self, t: Kelvin, incident: Incident) -> f64 {
        self.emitted_w_m2(t) - self.absorbed_w_m2(incident)
    }

    /// Flux shed by a panel whose root cools evenly from `inlet` to `outlet`, W per m2 of planform.
    pub fn mean_net_w_m2(&self, inlet: Kelvin, outlet: Kelvin, incident: Incident) -> f64 {
        self.emission_w_m2k4() * mean_fourth_power(inlet, outlet) - self.absorbed_w_m2(incident)
    }
}

/// The mean of T^4 over temperatures evenly spread between `a` and `b`, K4: (a^5 - b^5) / (5 (a - b)), without its 0/0.
pub fn mean_fourth_power(Kelvin(a): Kelvin, Kelvin(b): Kelvin) -> f64 {
    (a.powi(4) + a.powi(3) * b + a * a * b * b + a * b.powi(3) + b.powi(4)) / 5.0
}

/// Planform area that sheds `heat` at `net_w_m2`, m2; `None` where the panel sheds nothing, so that no area would do.
pub fn area_m2(heat: Watts, net_w_m2: f64) -> Option<f64> {
    (net_w_m2 > 0.0).then(|| heat.0 / net_w_m2)
}

/// A straight fin that radiates from both faces, its root at the coolant tube and its tip half way to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fin {
    /// From root to tip, m.
    pub length_m: f64,
    /// Thickness, m.
    pub thickness_m: f64,
    /// Conductivity along the fin, W/(m K).
    pub conductivity_w_mk: f64,
}

impl Fin {
    /// The argument of [`fin_efficiency`] for a root at `root` and the emissivities of both faces added up.
    pub fn zeta(&self, emissivities: f64, root: Kelvin) -> f64 {
        emissivities * SIGMA * root.0.powi(3) * self.length_m * self.length_m / (self.conductivity_w_mk * self.thickness_m)
    }
}

/// Efficiency of a straight fin that radiates from both faces to nothing, its tip insulated, by the dimensionless
/// `zeta` = 2 eps sigma Tb^3 L^2 / (k t): base temperature Tb, length L from base to tip, conductivity k, thickness t.
/// `None` unless `zeta` is finite and not negative.
///
/// The profile obeys T'' = zeta T^4 on a unit length. Scaled by its tip temperature every such fin is a piece of one curve,
/// p'' = p^4 with p(0) = 1, p'(0) = 0: the fin whose base lies at `s` has zeta = s^2 p^3 and efficiency p' / (s p^4), so one march
/// along the curve finds it (Lieblein, NASA TN D-196, 1959, tabulates the same function).
pub fn fin_efficiency(zeta: f64) -> Option<f64> {
    if !zeta.is_finite() || zeta < 0.0 {
        return None;
    }
    if zeta == 0.0 {
        return Some(1.0);
    }
    let reached = |[s, p, _]: [f64; 3]| s * s * p.powi(3);
    let mut here = [0.0_f64, 1.0, 0.0];
    loop {
        // The curve goes to infinity at a finite s, as (s_end - s)^(-2/3): steps shrink with the room left.
        let length = 0.01 * here[1].powf(-1.5);
        let next = along_fin(here, length);
        if reached(next) < zeta {
            here = next;
            continue;
        }
        let (mut low, mut high) = (0.0, length);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if reached(along_fin(here, middle)) < zeta {
                low = middle;
            } else {
                high = middle;
            }
        }
        let [s, p, slope] = along_fin(here, high);
        return Some(slope / (s * p.powi(4)));
    }
}

/// One classical Runge-Kutta step of `length` along p'' = p^4 from (s, p, p').
fn along_fin([s, p, v]: [f64; 3], length: f64) -> [f64; 3] {
    let rate = |p: f64, v: f64| (v, p.powi(4));
    let (p1, v1) = rate(p, v);
    let (p2, v2) = rate(p + length / 2.0 * p1, v + length / 2.0 * v1);
    let (p3, v3) = rate(p + length / 2.0 * p2, v + length / 2.0 * v2);
    let (p4, v4) = rate(p + length * p3, v + length * v3);
    [s + length, p + length / 6.0 * (p1 + 2.0 * p2 + 2.0 * p3 + p4), v + length / 6.0 * (v1 + 2.0 * v2 + 2.0 * v3 + v4)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rosenbrock::{System, step};
    use proptest::prelude::*;
    use signal::Celsius;

    fn kelvin(degc: f64) -> Kelvin {
        Celsius(degc).into()
    }

    /// A 2024 white paper's orbital data-centre panel: Sun normal to one face, Earth in the view of one face with F = 0.25.
    const WHITE_PAPER: Surface = Surface { emissivity_frac: 0.92, solar_absorptivity_frac: 0.09, fin_efficiency_frac: 1.0 };

    #[test]
    fn the_published_panel_sheds_584_8_watts_not_the_633_printed() {
        let sunlight = 1366.0 * (1.0 + 0.30 * 0.25);
        let planet = 0.25 * SIGMA * kelvin(-20.0).0.powi(4);
        let ours = WHITE_PAPER.net_w_m2(kelvin(20.0), Incident { solar_w_m2: sunlight, ir_w_m2: planet });
        assert!((ours - 584.8075).abs() < 0.01, "{ours}");

        // Negative control: infrared taken up with the solar absorptivity, and the sigma of that paper, give what it prints.
        let sigma = 5.67e-8;
        let printed = 2.0 * 0.92 * sigma * kelvin(20.0).0.powi(4) - 0.09 * sunlight - 0.09 * 0.25 * sigma * kelvin(-20.0).0.powi(4);
        assert!((printed - 633.0786).abs() < 1e-3, "{printed}");
        let mistaken = WHITE_PAPER.net_w_m2(kelvin(20.0), Incident { solar_w_m2: sunlight + planet, ir_w_m2: 0.0 });
        assert!((mistaken - printed).abs() < 0.1 && (mistaken - ours).abs() > 48.0, "{mistaken}");
    }

    #[test]
    fn areas_for_100_kw_edge_on_at_600_km() {
        // Two faces, emissivity 0.9, planet infrared 237 W/m2 with the closed-form edge-on factor.
        let h: f64 = (6378.137 + 600.0) / 6378.137;
        let edge_on = ((1.0 / h).asin() - (h * h - 1.0).sqrt() / (h * h)) / std::f64::consts::PI;
        let panel = Surface { emissivity_frac: 0.9, solar_absorptivity_frac: 0.0, fin_efficiency_frac: 1.0 };
        let incident = Incident { solar_w_m2: 0.0, ir_w_m2: 2.0 * edge_on * 237.0 };
        for (t, expected) in [(300.0, 139.0), (330.0, 91.0), (350.0, 70.0)] {
            let area = area_m2(Watts(100e3), panel.net_w_m2(Kelvin(t), incident)).expect("sheds");
            assert!((area - expected).abs() < 0.5, "{t} K: {area} m2");
        }
        // One face at 45 degC towards empty space.
        assert!((panel.emitted_w_m2(kelvin(45.0)) / 2.0 - 523.0).abs() < 0.5);
    }

    #[test]
    fn a_panel_that_the_surroundings_heat_has_no_area() {
        let hot = Incident { solar_w_m2: 0.0, ir_w_m2: 2.0 * SIGMA * 301.0_f64.powi(4) };
        assert_eq!(area_m2(Watts(1.0), WHITE_PAPER.net_w_m2(Kelvin(300.0), hot)), None);
        assert_eq!(area_m2(Watts(1.0), f64::NAN), None);
    }

    #[test]
    fn fin_efficiencies() {
        for (zeta, expected) in [(0.0, 1.0), (0.05, 0.939_830), (0.1, 0.890_035), (0.25, 0.779_506), (1.0, 0.533_989)] {
            let found = fin_efficiency(zeta).expect("a fin");
            assert!((found - expected).abs() < 1e-6, "zeta {zeta}: {found}");
        }
        // A long fin has T'^2 = 2/5 zeta T^5 at its base.
        let long = 1e6;
        assert!((fin_efficiency(long).expect("a fin") / (0.4 / long).sqrt() - 1.0).abs() < 1e-6);
        for refused in [-1e-9, f64::NAN, f64::INFINITY] {
            assert_eq!(fin_efficiency(refused), None);
        }
    }

    /// One node of 20 kJ/K, 1 m2, emissivity 0.9 on one face.
    struct Node {
        power_w: f64,
    }
    const CAPACITY_J_K: f64 = 20e3;
    const EMISSION_W_K4: f64 = 0.9 * SIGMA;

    impl System<1> for Node {
        fn rates(&self, x: &[f64; 1]) -> [f64; 1] {
            [(self.power_w - EMISSION_W_K4 * x[0].powi(4)) / CAPACITY_J_K]
        }

        fn jacobian(&self, x: &[f64; 1]) -> [[f64; 1]; 1] {
            [[-4.0 * EMISSION_W_K4 * x[0].powi(3) / CAPACITY_J_K]]
        }
    }

    fn run(node: &Node, from: f64, duration_s: f64) -> f64 {
        let mut x = [from];
        for _ in 0..4000 {
            step(node, &mut x, duration_s / 4000.0);
        }
        x[0]
    }

    #[test]
    fn a_cooling_node_follows_its_closed_form() {
        let time = CAPACITY_J_K / (3.0 * EMISSION_W_K4) * (300.0_f64.powi(-3) - 350.0_f64.powi(-3));
        assert!((time / 1791.432 - 1.0).abs() < 1e-5, "{time}");
        let end = run(&Node { power_w: 0.0 }, 350.0, time);
        assert!((end - 300.0).abs() < 1e-4, "{end}");
    }

    #[test]
    fn a_driven_node_follows_its_closed_form() {
        let balance = (1000.0 / EMISSION_W_K4).powf(0.25);
        let primitive = |t: f64| (t / balance).atan() / 2.0 + ((balance + t) / (balance - t)).abs().ln() / 4.0;
        let time = CAPACITY_J_K / (EMISSION_W_K4 * balance.powi(3)) * (primitive(330.0) - primitive(290.0));
        assert!((time / 1553.450 - 1.0).abs() < 1e-5, "{time}");
        let end = run(&Node { power_w: 1000.0 }, 290.0, time);
        assert!((end - 330.0).abs() < 1e-4, "{end}");
        // Negative control: a sigma 1.6 % high, as a well-known simulator has it, is seen by this test.
        let wrong = CAPACITY_J_K / (3.0 * EMISSION_W_K4 * 1.016) * (300.0_f64.powi(-3) - 350.0_f64.powi(-3));
        assert!((wrong / 1791.432 - 1.0).abs() > 1e-2);
    }

    fn panels() -> impl Strategy<Value = Surface> {
        (0.05..1.0_f64, 0.0..1.0_f64, 0.3..1.0_f64).prop_map(|(e, a, f)| Surface {
            emissivity_frac: e,
            solar_absorptivity_frac: a,
            fin_efficiency_frac: f,
        })
    }

    proptest! {
        #[test]
        fn at_one_temperature_twice_the_power_takes_twice_the_area(
            panel in panels(), t in 280.0..380.0_f64, power in 1.0..1e6_f64,
        ) {
            let net = panel.net_w_m2(Kelvin(t), Incident::default());
            let one = area_m2(Watts(power), net).expect("sheds to nothing");
            let two = area_m2(Watts(2.0 * power), net).expect("sheds to nothing");
            prop_assert!((two / one - 2.0).abs() < 1e-12);
            // On one area it is the fourth root of 2 in temperature.
            let hotter = panel.net_w_m2(Kelvin(t * 2.0_f64.powf(0.25)), Incident::default());
            prop_assert!((hotter / net - 2.0).abs() < 1e-9);
        }

        #[test]
        fn an_enclosure_at_the_panels_own_temperature_is_balance(panel in panels(), t in 100.0..400.0_f64) {
            let enclosure = Incident { solar_w_m2: 0.0, ir_w_m2: 2.0 * SIGMA * t.powi(4) };
            prop_assert!(panel.net_w_m2(Kelvin(t), enclosure).abs() < 1e-9 * panel.emitted_w_m2(Kelvin(t)));
            prop_assert!(panel.net_w_m2(Kelvin(t + 0.1), enclosure) > 0.0);
            prop_assert!(panel.net_w_m2(Kelvin(t - 0.1), enclosure) < 0.0);
        }

        #[test]
        fn the_mean_of_the_fourth_power_is_that_of_many_slices(a in 250.0..400.0_f64, b in 250.0..400.0_f64) {
            let slices = 1000;
            let sum: f64 = (0..slices).map(|i| (a + (b - a) * (f64::from(i) + 0.5) / f64::from(slices)).powi(4)).sum();
            let mean = mean_fourth_power(Kelvin(a), Kelvin(b));
            prop_assert!((mean / (sum / f64::from(slices)) - 1.0).abs() < 1e-5);
        }

        #[test]
        fn a_longer_fin_is_less_efficient(zeta in 1e-4..50.0_f64) {
            let shorter = fin_efficiency(zeta).expect("a fin");
            let longer = fin_efficiency(zeta * 1.1).expect("a fin");
            prop_assert!(longer < shorter && shorter < 1.0 && longer > 0.0);
        }
    }
}
