//! Every kernel by itself, against plain loops in f64 and against the host's engine.

use super::device;
use crate::decoder::{by_probability, likeliest, rotary};
use crate::gpu::driver::{Arg, Buffer, Device, PTX};
use crate::gpu::product::{Kind, Part, Product, Products, Side};
use crate::gpu::weights::Narrow;
use crate::reference::rounded;
use crate::transformer::Config;
use std::rc::Rc;

/// Numbers without a pattern, in -1..1.
fn noise(count: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn bits(numbers: &[f32]) -> Vec<u16> {
    numbers.iter().map(|x| (rounded(*x).to_bits() >> 16) as u16).collect()
}

fn widened(bits: &[u16]) -> Vec<f32> {
    bits.iter().map(|b| f32::from_bits(u32::from(*b) << 16)).collect()
}

fn as_bf16(numbers: &[f32]) -> Vec<f32> {
    numbers.iter().map(|x| rounded(*x)).collect()
}

fn close(got: &[f32], expected: &[f64], allowed: f64) {
    assert_eq!(got.len(), expected.len());
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(*g) - e).abs() <= allowed * e.abs().max(1.0), "number {i}: {g}, expected {e}");
    }
}

#[test]
fn the_shipped_text_has_the_kernels_and_fits_old_drivers() {
    assert!(PTX.contains(".version 8.2") && PTX.contains(".target sm_80"), "R535's");
    assert_eq!(PTX.matches(".entry ").count(), 44);
}

/// Words and more are read of every shared array, and a card reads them from whole words only; a host would not mind.
#[test]
fn shared_memory_lies_as_it_is_read() {
    let arrays: Vec<&str> = PTX.lines().filter(|line| line.contains(".shared .align")).collect();
    assert!(arrays.len() > 10);
    for line in arrays {
        let bytes: u32 = line.split_whitespace().skip_while(|w| *w != ".align").nth(1).and_then(|n| n.parse().ok()).expect("a number");
        assert!(bytes >= if line.contains("product_bf16") || line.contains("attend_many") { 16 } else { 4 }, "{line}");
    }
}

/// Memory is the bound of decoding, and sixteen bytes a load are what it takes to fill it.
#[test]
fn the_kernels_that_memory_bounds_move_sixteen_bytes_at_once() {
    let of = |name: &str| PTX.split(".entry ").find(|text| text.starts_with(&format!("{name}("))).expect(name);
    for (name, loads, stores) in [
        ("attend_one_bf16", true, None),
        ("attend_many_64", true, Some("st.shared.v4")),
        ("attend_many_128", true, Some("st.shared.v4")),
        ("norm_bf16", true, Some("st.global.v4")),
        ("gate_bf16", true, Some("st.global.v4")),
        ("place_bf16", true, Some("st.global.v4")),
    ] {
        let text = of(name);
        assert_eq!(text.contains("ld.global.v4") || text.contains("ld.global.nc.v4"), loads, "{name}");
        assert!(stores.is_none_or(|s| text.contains(s)), "{name}");
    }
}

#[test]
fn bf16_and_e4m3_are_rounded_as_their_standards_say() {
    let Some(device) = device() else { return };
    // Every E4M3 number is itself, and between two the even one is taken.
    let value = |code: u32| -> f32 {
        let (exponent, fraction) = ((code >> 3 & 15).cast_signed(), (code & 7) as f32);
        let size = if exponent == 0 { fraction * 2.0_f32.powi(-9) } else { (1.0 + fraction / 8.0) * 2.0_f32.powi(exponent - 7) };
        if code & 128 == 0 { size } else { -size }
    };
    // 448 in front makes the scale 1.
    let mut numbers = vec![448.0];
    let mut expected = vec![0x7e_u8];
    for code in (0..=255_u32).filter(|c| c & 127 != 127) {
        numbers.push(value(code));
        expected.push(code as u8);
        if code & 127 < 126 {
            let even = if code & 1 == 0 { code } else { code + 1 };
            let middle = f32::midpoint(value(code), value(code + 1));
            // Exactly the middle of two, as bf16 has it.
            if rounded(middle) == middle {
                numbers.push(middle);
                expected.push(even as u8);
            }
        }
    }
    assert!(numbers.len() > 500, "{}", numbers.len());
    let from = device.upload(&bits(&numbers)).expect("room");
    let narrow = Narrow::new(&device, numbers.len()).expect("room");
    narrow.apply(&from, numbers.len(), numbers.len()).expect("sound");
    assert_eq!(narrow.data.read::<u8>(0, numbers.len()).expect("read"), expected);
    assert_eq!(narrow.scale.read::<f32>(0, 1).expect("read"), [1.0]);
    // Nothing but zeros has a scale all the same.
    device.zeros(64).and_then(|zeros| narrow.apply(&zeros, 16, 16)).expect("sound");
    assert_eq!(narrow.scale.read::<f32>(0, 1).expect("read"), [1.0]);
    assert_eq!(narrow.data.read::<u8>(0, 16).expect("read"), [0; 16]);
    // To bf16: ties to even, by way of `take`.
    let odd = [1.0, 257.0 / 256.0, 259.0 / 256.0, -2.5, 3.0e38, f32::MIN_POSITIVE / 8.0, f32::INFINITY];
    let (to, from) = (device.buffer(2 * odd.len()).expect("room"), device.upload(&odd).expect("room"));
    let count = Arg::U64(odd.len() as u64);
    device
        .launch("take_bf16", [1, 1, 1], 256, &[Arg::At(&to, 0), Arg::At(&from, 0), Arg::U64(0), count, Arg::U64(0), Arg::U64(0)])
        .expect("launched");
    let got = widened(&to.read::<u16>(0, odd.len()).expect("read"));
    assert_eq!(got, as_bf16(&odd));
    assert_eq!(got[1..3], [1.0, 1.015_625]);
}

/// Products of any shape, lying any way, in batches: `c += 2 a b`.
#[test]
fn products_are_those_of_plain_loops() {
    let Some(device) = device() else { return };
    let blaslt = Products::find(&device);
    assert!(matches!(blaslt, Products::Blaslt(_)), "{blaslt:?}");
    for products in [Products::Own("for the test".to_owned()), blaslt] {
        for (kind, out_f32) in [(Kind::F32, true), (Kind::Bf16, false), (Kind::Bf16, true)] {
            for ([m, n, k], batch, [ta, tb]) in [
                ([1, 70, 33], 1, [false, false]),
                ([65, 64, 32], 1, [false, true]),
                ([7, 130, 40], 2, [true, false]),
                ([33, 9, 65], 3, [true, true]),
            ] {
                product(&device, &products, kind, out_f32, [m, n, k], batch, [ta, tb]);
            }
        }
    }
}

fn product(device: &Rc<Device>, products: &Products, kind: Kind, out_f32: bool, [m, n, k]: [usize; 3], batch: usize, [ta, tb]: [bool; 2]) {
    let side = |turned: bool, i: usize, k: usize| {
        // Rows a little longer than they need be.
        let row = if turned { i } else { k } + 3;
        Side { turned, row, batch: row * if turned { k } else { i } + 5 }
    };
    let (a_side, b_side) = (side(ta, m, k), side(tb, n, k));
    let (c_row, c_batch) = (n + 2, m * (n + 2) + 7);
    let (a, b, c) = (noise(batch * a_side.batch, 1), noise(batch * b_side.batch, 2), noise(batch * c_batch, 3));
    let held = |x: &[f32], f32s: bool| if f32s { x.to_vec() } else { as_bf16(x) };
    let (a, b, c) = (held(&a, kind == Kind::F32), held(&b, kind == Kind::F32), held(&c, out_f32));
    let upload = |x: &[f32], f32s: bool| if f32s { device.upload(x) } else { device.upload(&bits(x)) }.expect("room");
    let (da, db, dc) = (upload(&a, kind == Kind::F32), upload(&b, kind == Kind::F32), upload(&c, out_f32));
    let plain = Product::plain(kind, &da, &db, &dc, m, n, k);
    let p = Product { a_side, b_side, c_row, c_batch, batch, alpha: 2.0, add: true, out_f32, ..plain };
    products.multiply(&p).expect("sound");
    let got = if out_f32 { dc.read::<f32>(0, c.len()) } else { dc.read::<u16>(0, c.len()).map(|b| widened(&b)) }.expect("read");
    let mut expected: Vec<f64> = c.iter().map(|x| f64::from(*x)).collect();
    let at = |s: &Side, z: usize, i: usize, k: usize| z * s.batch + if s.turned { k * s.row + i } else { i * s.row + k };
    for z in 0..batch {
        for i in 0..m {
            for j in 0..n {
                let sum: f64 = (0..k).map(|p| f64::from(a[at(&a_side, z, i, p)]) * f64::from(b[at(&b_side, z, j, p)])).sum();
                expected[z * c_batch + i * c_row + j] += 2.0 * sum;
            }
        }
    }
    // What is between the rows is as it was: `close` sees it, too.
    close(&got, &expected, if out_f32 { 2e-5 } else { 1.0 / 128.0 });
}

#[test]
fn a_product_that_does_not_fit_its_buffers_is_never_queued() {
    let Some(device) = device() else { return };
    let small = device.zeros(16).expect("room");
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Products::Own(String::new()).multiply(&Product::plain(Kind::F32, &small, &small, &small, 9, 9, 9))
    }));
    assert!(caught.is_err());
}

struct Sizes {
    heads: usize,
    kv_heads: usize,
    d: usize,
    context: usize,
}

/// Rows of two sequences, the second with a past, through `place` and either attention; against plain loops.
fn attention(device: &Rc<Device>, h: &Sizes, f32s: bool, many: bool) {
    let (width, kv) = (h.heads * h.d, h.kv_heads * h.d);
    let stride = width + 2 * kv;
    let config = Config {
        layers: 1,
        width,
        heads: h.heads,
        kv_heads: Some(h.kv_heads),
        hidden: 1,
        vocabulary: 1,
        context: h.context,
        ..Config::USUAL
    };
    let angles: Vec<f32> = rotary(&config).into_iter().flat_map(|(c, s)| [c, s]).collect();
    // Sequence 2 comes in two feeds, so that the later one looks back on the earlier.
    let feeds: [&[(usize, usize, usize)]; 2] =
        [&[(2, 0, h.context / 3)], &[(0, 0, h.context / 2), (2, h.context / 3, h.context - h.context / 3)]];
    let of = if f32s { 4 } else { 2 };
    let room = |numbers: usize| device.zeros(numbers * of).expect("room");
    let upload = |x: &[f32]| if f32s { device.upload(x) } else { device.upload(&bits(x)) }.expect("room");
    let read = |b: &Buffer, n: usize| if f32s { b.read::<f32>(0, n) } else { b.read::<u16>(0, n).map(|x| widened(&x)) }.expect("read");
    let (keys, values) = (room(3 * kv * h.context), room(3 * kv * h.context));
    let angles = device.upload(&angles).expect("room");
    let mut past: Vec<Vec<Vec<f64>>> = vec![Vec::new(); 3];
    let size = |n: usize| Arg::U32(n as u32);
    let scale = 1.0 / (h.d as f32).sqrt();
    for (salt, feed) in feeds.iter().enumerate() {
        let rows: Vec<(u32, u32)> = feed.iter().flat_map(|(s, from, n)| (0..*n).map(move |i| (*s as u32, (from + i) as u32))).collect();
        let qkv = noise(rows.len() * stride, 7 + salt as u64);
        let qkv = if f32s { qkv } else { as_bf16(&qkv) };
        let (d_qkv, mixed) = (upload(&qkv), room(rows.len() * width));
        let sequence = device.upload(&rows.iter().map(|r| r.0).collect::<Vec<_>>()).expect("room");
        let position = device.upload(&rows.iter().map(|r| r.1).collect::<Vec<_>>()).expect("room");
        let suffix = if f32s { "f32" } else { "bf16" };
        let at = |b| Arg::At(b, 0);
        let shape = [size(h.heads), size(h.kv_heads), size(h.d), size(h.context)];
        let [heads, kv_heads, d, context] = shape;
        let args = [at(&d_qkv), at(&keys), at(&values), at(&sequence), at(&position), at(&angles), heads, kv_heads, d, context];
        device.launch(&format!("place_{suffix}"), [rows.len() as u32, 1, 1], 64, &args).expect("launched");
        let blocks = rows.len() as u32;
        if many {
            let mut tiles: Vec<u32> = Vec::new();
            let mut row = 0;
            for (s, from, n) in *feed {
                for tile in (0..*n).step_by(64) {
                    tiles.extend([*s, row + tile, from + tile, 64.min(n - tile)].map(|n| n as u32));
                }
                row += n;
            }
            let tiles_there = device.upload(&tiles).expect("room");
            let args = [at(&mixed), at(&d_qkv), at(&keys), at(&values), at(&tiles_there), heads, kv_heads, context, Arg::F32(scale)];
            device.launch(&format!("attend_many_{}", h.d), [tiles.len() as u32 / 4, h.heads as u32, 1], 128, &args).expect("launched");
        } else {
            let all = device.upload(&(0..blocks).collect::<Vec<_>>()).expect("room");
            let args = [
                at(&mixed),
                at(&d_qkv),
                at(&keys),
                at(&values),
                at(&all),
                at(&sequence),
                at(&position),
                heads,
                kv_heads,
                d,
                context,
                Arg::F32(scale),
            ];
            device.launch(&format!("attend_one_{suffix}"), [blocks, h.kv_heads as u32, 1], 128, &args).expect("launched");
        }
        let got = read(&mixed, rows.len() * width);
        let mut expected = Vec::new();
        for (n, (s, p)) in rows.iter().enumerate() {
            let row: Vec<f64> = qkv[n * stride..][..stride].iter().map(|x| f64::from(*x)).collect();
            past[*s as usize].push(row);
            let row = past[*s as usize].last().expect("pushed").clone();
            for head in 0..h.heads {
                let own = head / (h.heads / h.kv_heads);
                let q = turned(&row[head * h.d..][..h.d], *p as usize);
                let scores = past[*s as usize].iter().enumerate().map(|(t, row)| {
                    let k = turned(&row[width + own * h.d..][..h.d], t);
                    (q.iter().zip(k).map(|(a, b)| a * b).sum::<f64>() / (h.d as f64).sqrt()).exp()
                });
                let scores: Vec<f64> = scores.collect();
                let total: f64 = scores.iter().sum();
                expected.extend((0..h.d).map(|i| {
                    let value = |t: usize| past[*s as usize][t][width + kv + own * h.d + i];
                    scores.iter().enumerate().map(|(t, p)| p / total * value(t)).sum::<f64>()
                }));
            }
        }
        close(&got, &expected, if f32s { 2e-5 } else { 0.02 });
    }
}

fn turned(head: &[f64], position: usize) -> Vec<f64> {
    let half = head.len() / 2;
    let mut out = vec![0.0; head.len()];
    for i in 0..half {
        let angle = position as f64 / 1e4_f64.powf(i as f64 / half as f64);
        out[i] = head[i] * angle.cos() - head[i + half] * angle.sin();
        out[i + half] = head[i] * angle.sin() + head[i + half] * angle.cos();
    }
    out
}

#[test]
fn attention_looks_back_on_its_own_sequence_only() {
    let Some(device) = device() else { return };
    for (heads, kv_heads, d, context) in [(4, 2, 10, 20), (6, 1, 32, 17), (2, 2, 64, 9), (5, 1, 128, 6), (1, 1, 2, 40), (1, 1, 256, 5)] {
        for f32s in [true, false] {
            attention(&device, &Sizes { heads, kv_heads, d, context }, f32s, false);
        }
    }
    for (heads, kv_heads, d, context) in [(2, 1, 32, 150), (3, 1, 64, 70), (2, 2, 128, 130)] {
        attention(&device, &Sizes { heads, kv_heads, d, context }, false, true);
    }
}

#[test]
fn tokens_are_chosen_as_the_host_chooses_them() {
    let Some(device) = device() else { return };
    for vocabulary in [5, 33, 1024, 3000] {
        let mut logits: Vec<f32> = noise(40 * vocabulary, 5).iter().map(|x| 4.0 * x).collect();
        // Of equals the first.
        logits[..vocabulary].fill(1.5);
        let draws: Vec<i64> = (0..40).map(|i| if i < 8 { -1 } else { i64::from(u32::MAX) * (i - 8) / 31 }).collect();
        let (there, drawn) = (device.upload(&logits).expect("room"), device.upload(&draws).expect("room"));
        let next = device.zeros(4 * 41).expect("room");
        let args = |rows| {
            ([rows, 1, 1], [Arg::At(&next, 4), Arg::At(&next, 0), Arg::At(&there, 0), Arg::At(&drawn, 0), Arg::U32(vocabulary as u32)])
        };
        let (blocks, given) = args(40);
        device.launch("choose", blocks, 1024, &given).expect("launched");
        let got: Vec<u32> = next.read(0, 41).expect("read");
        let expected = logits.chunks_exact(vocabulary).zip(&draws).map(|(row, draw)| match u32::try_from(*draw) {
            Ok(draw) => by_probability(row, draw),
            Err(_) => likeliest(row),
        });
        assert_eq!(got[1..], expected.collect::<Vec<u32>>());
        assert_eq!((got[0], got[1]), (0, 0));
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            there.write(4 * (vocabulary - 1), &[odd]).expect("inside");
            let (blocks, given) = args(1);
            device.launch("choose", blocks, 1024, &given).expect("launched");
            assert_eq!(next.read::<u32>(0, 1).expect("read"), [1], "{odd} goes unseen");
            next.clear().expect("inside");
        }
    }
}

#[test]
fn a_part_of_a_buffer_is_where_it_says() {
    let Some(device) = device() else { return };
    let buffer = device.upload(&[1_u32, 2, 3]).expect("room");
    assert_eq!(Part { buffer: &buffer, at: 8 }.address(), buffer.address() + 8);
    buffer.write(4, &[7_u32]).expect("inside");
    assert_eq!(buffer.read::<u32>(0, 3).expect("read"), [1, 7, 3]);
}
