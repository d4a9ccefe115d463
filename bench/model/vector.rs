//! The few vector operations the geometry needs. Not a linear algebra library.

/// Three components along the axes of whatever frame the context names.
pub type Vector = [f64; 3];

/// Scalar product.
pub fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Length.
pub fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// `a - b`.
pub fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a` times `factor`.
pub fn scaled(a: Vector, factor: f64) -> Vector {
    a.map(|x| x * factor)
}

/// Coefficients, lowest first, of the cubic through `at_minus_1`, `at_0`, `at_1` and `at_2`: Lagrange's interpolation between 0 and 1.
pub(crate) fn cubic_through([at_minus_1, at_0, at_1, at_2]: [f64; 4]) -> [f64; 4] {
    let second = 0.5 * (at_minus_1 + at_1) - at_0;
    let third = (at_2 - at_minus_1) / 6.0 + 0.5 * (at_0 - at_1);
    [at_0, at_1 - at_0 - second - third, second, third]
}

/// A cubic of such coefficients at `x`.
#[inline]
pub(crate) fn cubic([c0, c1, c2, c3]: [f64; 4], x: f64) -> f64 {
    c0 + x * (c1 + x * (c2 + x * c3))
}

/// Vector product.
pub fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
