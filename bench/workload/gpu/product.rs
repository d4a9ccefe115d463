//! One product of matrices, by cuBLASLt where there is one and by our own kernels where not.
//!
//! Not here: what is multiplied.

use super::Fault;
use super::blaslt::Blaslt;
use super::driver::{Arg, Buffer, Device};
use std::rc::Rc;

/// Of what the operands are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    F32,
    Bf16,
    /// E4M3 with a scale each; only by cuBLASLt.
    Fp8,
}

impl Kind {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
            Self::Fp8 => 1,
        }
    }
}

/// Part of a buffer, as a matrix: from this byte on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) buffer: &'a Buffer,
    pub(super) at: usize,
}

impl<'a> Part<'a> {
    pub(super) const fn of(buffer: &'a Buffer) -> Self {
        Self { buffer, at: 0 }
    }

    pub(super) const fn address(&self) -> u64 {
        self.buffer.address() + self.at as u64
    }

    pub(super) const fn arg(&self) -> Arg<'a> {
        Arg::At(self.buffer, self.at)
    }
}

/// How an operand lies: its own index first and k last, or `turned`, k first; the length of a row and the step from one of a batch to the next, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Side {
    pub(super) turned: bool,
    pub(super) row: usize,
    pub(super) batch: usize,
}

impl Side {
    pub(super) const fn rows(row: usize) -> Self {
        Self { turned: false, row, batch: 0 }
    }

    pub(super) const fn turned(row: usize) -> Self {
        Self { turned: true, row, batch: 0 }
    }

    pub(super) const fn every(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Numbers from the first to the last, with own index `i` and `k`.
    const fn extent(&self, i: usize, k: usize, batch: usize) -> usize {
        let (rows, columns) = if self.turned { (k, i) } else { (i, k) };
        (batch - 1) * self.batch + (rows - 1) * self.row + columns
    }
}

/// All that a plan depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) out_f32: bool,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: Side,
    pub(super) b: Side,
    pub(super) c_row: usize,
    pub(super) c_batch: usize,
    pub(super) batch: usize,
    /// Of what power of two the addresses of a, b and c are multiples, and those of every one of a batch.
    pub(super) aligned: [u32; 3],
}

/// Most that anybody asks of an address, and what the driver gives.
const ALIGNED: u64 = 256;

/// The power of two, of at most [`ALIGNED`], that both numbers are multiples of.
const fn aligned(address: u64, step: u64) -> u32 {
    1 << (address | step | ALIGNED).trailing_zeros()
}

/// `c[m][n] (+)= alpha * a[m][k] * b[n][k]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product<'a> {
    pub(super) kind: Kind,
    pub(super) a: Part<'a>,
    pub(super) a_side: Side,
    pub(super) b: Part<'a>,
    pub(super) b_side: Side,
    pub(super) c: Part<'a>,
    pub(super) c_row: usize,
    pub(super) c_batch: usize,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) batch: usize,
    pub(super) alpha: f32,
    pub(super) add: bool,
    /// `c` is in f32 whatever the operands are.
    pub(super) out_f32: bool,
    /// Of a and b, for FP8: where the number is that gives the real values back.
    pub(super) scales: Option<(Part<'a>, Part<'a>)>,
}

impl<'a> Product<'a> {
    /// Rows of `x` by a weight matrix `[outputs][inputs]`.
    pub(super) const fn plain(kind: Kind, x: &'a Buffer, w: &'a Buffer, out: &'a Buffer, m: usize, n: usize, k: usize) -> Self {
        Self {
            kind,
            a: Part::of(x),
            a_side: Side::rows(k),
            b: Part::of(w),
            b_side: Side::rows(k),
            c: Part::of(out),
            c_row: n,
            c_batch: 0,
            m,
            n,
            k,
            batch: 1,
            alpha: 1.0,
            add: false,
            out_f32: matches!(kind, Kind::F32),
            scales: None,
        }
    }

    pub(super) const fn shape(&self) -> Shape {
        let Self { kind, out_f32, m, n, k, a_side: a, b_side: b, c_row, c_batch, batch, .. } = *self;
        let out = if out_f32 { 4 } else { 2 };
        let aligned = [
            aligned(self.a.address(), (a.batch * kind.bytes()) as u64),
            aligned(self.b.address(), (b.batch * kind.bytes()) as u64),
            aligned(self.c.address(), (c_batch * out) as u64),
        ];
        Shape { kind, out_f32, m, n, k, a, b, c_row, c_batch, batch, aligned }
    }

    fn check(&self) {
        let fits = |part: &Part<'_>, numbers: usize, bytes: usize| part.at + numbers * bytes <= part.buffer.bytes();
        let out = if self.out_f32 { 4 } else { 2 };
        assert!(fits(&self.a, self.a_side.extent(self.m, self.k, self.batch), self.kind.bytes()), "a does not fit: {:?}", self.shape());
        assert!(fits(&self.b, self.b_side.extent(self.n, self.k, self.batch), self.kind.bytes()), "b does not fit: {:?}", self.shape());
        let c = (self.batch - 1) * self.c_batch + (self.m - 1) * self.c_row + self.n;
        assert!(fits(&self.c, c, out), "c does not fit: {:?}", self.shape());
    }
}

/// Who multiplies.
#[derive(Debug)]
pub(super) enum Products {
    Blaslt(Blaslt),
    /// And why.
    Own(String),
}

impl Products {
    pub(super) fn find(device: &Rc<Device>) -> Self {
        Blaslt::find(device).map_or_else(Self::Own, Self::Blaslt)
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Blaslt(found) => format!("{} ({})", found.describe(), found.path.display()),
            Self::Own(_) => "own kernels".to_owned(),
        }
    }

    /// Queues it.
    pub(super) fn multiply(&self, p: &Product<'_>) -> Result<(), Fault> {
        if p.m == 0 || p.batch == 0 {
            return Ok(());
        }
        p.check();
        match self {
            Self::Blaslt(blaslt) => blaslt.multiply(p),
            Self::Own(_) => own(p),
        }
    }
}

fn own(p: &Product<'_>) -> Result<(), Fault> {
    let name = match (p.kind, p.out_f32) {
        (Kind::F32, _) => "product_f32_f32",
        (Kind::Bf16, false) => "product_bf16_bf16",
        (Kind::Bf16, true) => "product_bf16_f32",
        (Kind::Fp8, _) => {
            return Err(Fault::Unable {
                card: p.a.buffer.device().card.name.clone(),
                why: "FP8 is multiplied by cuBLASLt, which is not here".to_owned(),
            });
        }
    };
    // Steps of an operand for its own index and for k.
    let steps = |side: &Side| if side.turned { (1, side.row) } else { (side.row, 1) };
    let ((am, ak), (bn, bk)) = (steps(&p.a_side), steps(&p.b_side));
    let size = |n: usize| Arg::U32(n as u32);
    let step = |n: usize| Arg::U64(n as u64);
    let blocks = [p.n.div_ceil(64) as u32, p.m.div_ceil(64) as u32, p.batch as u32];
    let args = [
        p.c.arg(),
        p.a.arg(),
        p.b.arg(),
        size(p.m),
        size(p.n),
        size(p.k),
        step(am),
        step(ak),
        step(bk),
        step(bn),
        step(p.c_row),
        step(p.a_side.batch),
        step(p.b_side.batch),
        step(p.c_batch),
        Arg::F32(p.alpha),
        Arg::U32(u32::from(p.add)),
    ];
    p.a.buffer.device().launch(name, blocks, 128, &args)
}
