//! The one matrix product of the house: `gemm` behind a checked, safe signature.
//!
//! Not here: anything that knows what the matrices mean.

/// A weight matrix, `inputs` by `outputs`; the outputs of one input lie next to each other.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) data: Vec<f32>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// How `out` is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// It is overwritten.
    Replace,
    /// The product is added to it.
    Add,
}

impl Matrix {
    /// `out[row] (+)= x[row] * self` for every row of `x`.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32], into: Into) {
        multiply(
            Weights { data: &self.data, inputs: self.inputs, outputs: self.outputs, per_input: self.outputs, per_output: 1 },
            x,
            out,
            into,
        );
    }

    /// Adds the gradient of the weights: `self += xᵀ * dy`, with a row of `x` (inputs) for each row of `dy` (outputs).
    pub(crate) fn learn(&mut self, x: &[f32], dy: &[f32]) {
        let rows = x.len() / self.inputs;
        let mut turned = vec![0.0; x.len()];
        for (row, x) in x.chunks_exact(self.inputs).enumerate() {
            for (i, x) in x.iter().enumerate() {
                turned[i * rows + row] = *x;
            }
        }
        let weights = Weights { data: dy, inputs: rows, outputs: self.outputs, per_input: self.outputs, per_output: 1 };
        multiply(weights, &turned, &mut self.data, Into::Add);
    }

    /// `out[row] (+)= x[row] * selfᵀ`: the matrix the other way round, for an embedding that is the output head too.
    pub(crate) fn apply_transposed(&self, x: &[f32], out: &mut [f32], into: Into) {
        multiply(
            Weights { data: &self.data, inputs: self.outputs, outputs: self.inputs, per_input: 1, per_output: self.outputs },
            x,
            out,
            into,
        );
    }
}

#[derive(Clone, Copy)]
struct Weights<'a> {
    data: &'a [f32],
    inputs: usize,
    outputs: usize,
    per_input: usize,
    per_output: usize,
}

fn multiply(w: Weights<'_>, x: &[f32], out: &mut [f32], into: Into) {
    let rows = x.len() / w.inputs;
    assert_eq!(x.len(), rows * w.inputs, "x is not whole rows");
    assert_eq!(out.len(), rows * w.outputs, "out does not fit");
    assert_eq!(w.data.len(), w.inputs * w.outputs, "weights do not fit");
    // As `gemm` counts: dst is outputs x rows, lhs the weights, rhs is inputs x rows. The weights' longer side stands first, which it does not repack.
    #[expect(unsafe_code, reason = "`gemm` takes pointers and strides; the asserts above keep every element it touches inside its slice")]
    // SAFETY: with the strides given, the last element of each operand is the last of its slice (lengths asserted above), and `out` is
    // borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            w.outputs,
            rows,
            w.inputs,
            out.as_mut_ptr(),
            w.outputs.cast_signed(),
            1,
            into == Into::Add,
            w.data.as_ptr(),
            w.per_input.cast_signed(),
            w.per_output.cast_signed(),
            x.as_ptr(),
            w.inputs.cast_signed(),
            1,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_multiplied_added_and_transposed() {
        let m = Matrix { data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], inputs: 2, outputs: 3 };
        let mut out = vec![100.0; 6];
        m.apply(&[1.0, 10.0, 2.0, 0.0], &mut out, Into::Replace);
        assert_eq!(out, [41.0, 52.0, 63.0, 2.0, 4.0, 6.0]);
        m.apply(&[1.0, 0.0, 0.0, 1.0], &mut out, Into::Add);
        assert_eq!(out, [42.0, 54.0, 66.0, 6.0, 9.0, 12.0]);
        let mut back = vec![0.0; 2];
        m.apply_transposed(&[1.0, 0.0, -1.0], &mut back, Into::Replace);
        assert_eq!(back, [-2.0, -2.0]);
    }

    #[test]
    fn a_gradient_is_the_sum_of_outer_products() {
        let mut m = Matrix { data: vec![1.0; 6], inputs: 2, outputs: 3 };
        m.learn(&[1.0, 2.0, 0.0, 3.0], &[1.0, 10.0, 100.0, 1.0, 1.0, 1.0]);
        assert_eq!(m.data, [2.0, 11.0, 101.0, 6.0, 24.0, 204.0]);
    }

    #[test]
    #[should_panic(expected = "out does not fit")]
    fn a_wrong_size_never_reaches_the_product() {
        Matrix { data: vec![1.0; 6], inputs: 2, outputs: 3 }.apply(&[1.0, 2.0], &mut [0.0; 4], Into::Replace);
    }
}
