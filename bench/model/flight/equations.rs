//! The equations of the flight model and their derivatives, at one moment: no time here.

use crate::flight::network::{COLD, DIE, Flow, HOT, Network, PLATE};
use crate::flight::panel::Sky;
use crate::rosenbrock::System;

/// A network with what drives it during one step.
pub(super) struct Driven<'a> {
    pub(super) network: &'a Network,
    pub(super) flow: &'a Flow,
    pub(super) sky: &'a Sky,
    pub(super) board_w: f64,
    /// Coolant that leaves the hot pipe at the radiator, K; `None` without such a pipe: then it is the hot leg's.
    pub(super) hot_out_k: Option<f64>,
    /// Coolant that leaves the cold pipe at the cold plates, K; `None` without such a pipe.
    pub(super) cold_out_k: Option<f64>,
}

impl<const N: usize> System<N> for Driven<'_> {
    #[inline]
    fn rates(&self, t: &[f64; N]) -> [f64; N] {
        let n = self.network;
        let flow_w_k = self.flow.rate_w_k;
        let through_w_k = n.valve(t[COLD]).open * flow_w_k;
        let exchange = self.flow.exchange(through_w_k);
        let supply = self.cold_out_k.unwrap_or(t[COLD]);
        let arriving = self.hot_out_k.unwrap_or(t[HOT]);
        let die_to_plate = n.die_plate_w_k * (t[DIE] - t[PLATE]);
        let plate_to_coolant = self.flow.plate_gain_w_k * (t[PLATE] - supply);

        let mut rates = [0.0; N];
        let mut into_plate = die_to_plate + n.overhead_frac * self.board_w;
        rates[DIE] = ((1.0 - n.memory_heat_frac) * self.board_w - die_to_plate) / n.die_j_k;
        if let Some(memory) = n.at.memory {
            let memory_to_plate = n.memory_plate_w_k * (t[memory] - t[PLATE]);
            rates[memory] = (n.memory_heat_frac * self.board_w - memory_to_plate) / n.memory_j_k;
            into_plate += memory_to_plate;
        }
        rates[PLATE] = (into_plate - plate_to_coolant) / n.plate_j_k;
        if let Some(manifold) = n.at.manifold {
            rates[manifold] = (flow_w_k * (supply - t[manifold]) + plate_to_coolant) / n.manifold_j_k;
            rates[HOT] = flow_w_k * (t[manifold] - t[HOT]) / n.hot_j_k;
        } else {
            rates[HOT] = (flow_w_k * (supply - t[HOT]) + plate_to_coolant) / n.hot_j_k;
        }
        let array_k = n.at.array.map_or(0.0, |array| {
            rates[array] = n.skin.array(self.sky, t[array]).0;
            t[array]
        });

        let per_panel = 1.0 / n.panel_j_k;
        let mut coolant = arriving;
        for (k, (rate, &panel)) in rates.iter_mut().zip(t).skip(n.at.first_panel).enumerate() {
            let warmer = coolant - panel;
            let taken = n.skin.taken(self.sky, panel, n.neighbours(k), array_k);
            *rate = (exchange.gain_w_k * warmer + n.panel_m2 * taken.heat_w_m2 + n.loss_w_k * (n.structure_k - panel)) * per_panel;
            coolant -= exchange.effectiveness * warmer;
        }
        if n.skin.sees_neighbours() {
            for k in n.at.first_panel + 1..N {
                let given = n.panel_m2 * n.skin.neighbour_gives(t[k], t[k - 1]).0 * per_panel;
                rates[k] += given;
                rates[k - 1] -= given;
            }
        }
        let heater_w = n.heater_w * n.heater(t[COLD]).open;
        rates[COLD] = (through_w_k * (coolant - arriving) + flow_w_k * (arriving - t[COLD]) + heater_w) / n.cold_j_k;
        rates
    }

    #[inline]
    fn jacobian(&self, t: &[f64; N]) -> [[f64; N]; N] {
        let n = self.network;
        let flow_w_k = self.flow.rate_w_k;
        let valve = n.valve(t[COLD]);
        let through_w_k = valve.open * flow_w_k;
        let through_slope = valve.slope_k * flow_w_k;
        let exchange = self.flow.exchange(through_w_k);
        let plate_w_k = self.flow.plate_gain_w_k;
        // What comes out of a pipe entered it long ago: no state of now moves it.
        let by_cold = if self.cold_out_k.is_some() { 0.0 } else { 1.0 };
        let by_hot = if self.hot_out_k.is_some() { 0.0 } else { 1.0 };
        let arriving = self.hot_out_k.unwrap_or(t[HOT]);

        let mut rows = [[0.0; N]; N];
        rows[DIE][DIE] = -n.die_plate_w_k / n.die_j_k;
        rows[DIE][PLATE] = n.die_plate_w_k / n.die_j_k;
        rows[PLATE][DIE] = n.die_plate_w_k / n.plate_j_k;
        rows[PLATE][PLATE] = -(n.die_plate_w_k + n.memory_plate_w_k + plate_w_k) / n.plate_j_k;
        rows[PLATE][COLD] = by_cold * plate_w_k / n.plate_j_k;
        if let Some(memory) = n.at.memory {
            rows[PLATE][memory] = n.memory_plate_w_k / n.plate_j_k;
            rows[memory][memory] = -n.memory_plate_w_k / n.memory_j_k;
            rows[memory][PLATE] = n.memory_plate_w_k / n.memory_j_k;
        }
        // Whatever takes up the coolant behind the plates first.
        let (behind, behind_j_k) = n.at.manifold.map_or((HOT, n.hot_j_k), |manifold| (manifold, n.manifold_j_k));
        rows[behind][PLATE] = plate_w_k / behind_j_k;
        rows[behind][COLD] = by_cold * (flow_w_k - plate_w_k) / behind_j_k;
        rows[behind][behind] = -flow_w_k / behind_j_k;
        if behind != HOT {
            rows[HOT][behind] = flow_w_k / n.hot_j_k;
            rows[HOT][HOT] = -flow_w_k / n.hot_j_k;
        }
        if let Some(array) = n.at.array {
            rows[array][array] = n.skin.array(self.sky, t[array]).1;
        }

        // The coolant and its derivative by every state, carried along from panel to panel. The supply temperature acts on it
        // through the valve alone.
        let mut coolant = arriving;
        let per_panel = 1.0 / n.panel_j_k;
        let mut by = [0.0; N];
        by[HOT] = by_hot;
        for k in n.at.first_panel..N {
            let warmer = coolant - t[k];
            let taken = n.skin.taken(self.sky, t[k], n.neighbours(k - n.at.first_panel), n.at.array.map_or(0.0, |a| t[a]));
            let mut row = by.map(|d| exchange.gain_w_k * per_panel * d);
            row[k] += (n.panel_m2 * taken.by_panel - exchange.gain_w_k - n.loss_w_k) * per_panel;
            row[COLD] += exchange.gain_slope * through_slope * warmer * per_panel;
            if let Some(array) = n.at.array {
                row[array] += n.panel_m2 * taken.by_array * per_panel;
            }
            rows[k] = row;

            by = by.map(|d| (1.0 - exchange.effectiveness) * d);
            by[k] += exchange.effectiveness;
            by[COLD] -= exchange.effectiveness_slope * through_slope * warmer;
            coolant -= exchange.effectiveness * warmer;
        }
        if n.skin.sees_neighbours() {
            let scale = n.panel_m2 * per_panel;
            for k in n.at.first_panel + 1..N {
                let (_, by_own, by_other) = n.skin.neighbour_gives(t[k], t[k - 1]);
                rows[k][k] += scale * by_own;
                rows[k][k - 1] += scale * by_other;
                rows[k - 1][k] -= scale * by_own;
                rows[k - 1][k - 1] -= scale * by_other;
            }
        }
        let mut row = by.map(|d| through_w_k * d);
        row[HOT] += by_hot * (flow_w_k - through_w_k);
        row[COLD] += through_slope * (coolant - arriving) - flow_w_k + n.heater_w * n.heater(t[COLD]).slope_k;
        let per_leg = 1.0 / n.cold_j_k;
        rows[COLD] = row.map(|d| d * per_leg);
        rows
    }
}
