//! Every kernel computes what the scalar kernel computes, on random shapes and values.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::attention::{Attention, Scratch};
use super::choice::kernel_for;
use super::kernel::Kernel;
use super::ring::Ring;
use super::scalar::Scalar;
use crate::cpu::InstructionSet;
use crate::models::span::Span;
use crate::models::weights::biases::{Biases, Exp2Table};
use crate::models::weights::matrix::Matrix;
use crate::models::weights::sparse::{Active, ColumnMatrix, STRIP};

/// Checks a property of every kernel but the scalar one.
fn check<S: Strategy>(strategy: &S, property: impl Fn(&dyn Kernel, &S::Value)) {
    for instruction_set in &InstructionSet::available()[1..] {
        let kernel = kernel_for(*instruction_set).unwrap();
        let result = TestRunner::default().run(strategy, |value| {
            property(kernel, &value);
            Ok(())
        });
        result.unwrap();
    }
}

fn extreme_or(values: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = i32> {
    let (low, high) = (*values.start(), *values.end());
    prop_oneof![values, Just(low), Just(high)]
}

#[test]
fn products_are_equal() {
    let shape = (1..=9_usize, 1..=40_usize, 1..=5_usize);
    let case = shape.prop_flat_map(|(rows, outputs, blocks)| {
        let inputs = 32 * blocks;
        (
            proptest::collection::vec(extreme_or(-63..=63), outputs * inputs),
            proptest::collection::vec(0..=22_u8, outputs),
            proptest::collection::vec(extreme_or(0..=255), rows * inputs),
            prop_oneof![Just(0_u8), Just(8), Just(128)],
        )
    });
    check(&case, |kernel, (weights, shifts, activations, offset)| {
        let weights: Vec<i8> = weights.iter().map(|&weight| weight as i8).collect();
        let activations: Vec<u8> = activations.iter().map(|&a| a as u8).collect();
        let matrix = Matrix::pack(&weights, shifts, *offset);
        let rows = activations.len() / matrix.inputs();
        let mut expected = vec![0; rows * matrix.padded_outputs()];
        Scalar.multiply(matrix.panels(), &activations, &mut expected);
        let mut actual = vec![1; expected.len()];
        kernel.multiply(matrix.panels(), &activations, &mut actual);
        assert_eq!(actual, expected);
        if rows == 1 {
            let panels = matrix.panels();
            let (first, others) = panels.split_at(panels.len() / 2);
            let (to_first, to_others) = actual.split_at_mut(first.outputs());
            kernel.multiply(first, &activations, to_first);
            kernel.multiply(others, &activations, to_others);
            assert_eq!(actual, expected);
        }
    });
}

#[test]
fn products_of_active_inputs_are_those_of_all() {
    let shape = (1..=200_usize, 1..=5_usize);
    let case = shape.prop_flat_map(|(outputs, blocks)| {
        let inputs = 32 * blocks;
        (
            proptest::collection::vec(extreme_or(-63..=63), outputs * inputs),
            proptest::collection::vec(0..=22_u8, outputs),
            proptest::collection::vec(prop_oneof![3 => Just(0), 1 => extreme_or(0..=255)], inputs),
        )
    });
    let property =
        |kernel: &dyn Kernel, (weights, shifts, activations): &(Vec<i32>, Vec<u8>, Vec<i32>)| {
            let weights: Vec<i8> = weights.iter().map(|&weight| weight as i8).collect();
            let activations: Vec<u8> = activations.iter().map(|&a| a as u8).collect();
            let matrix = Matrix::pack(&weights, shifts, 0);
            let mut expected = vec![0; matrix.padded_outputs()];
            Scalar.multiply(matrix.panels(), &activations, &mut expected);
            let matrix = ColumnMatrix::pack(&weights, shifts);
            let mut active = Active::new(activations.len()).unwrap();
            kernel.gather(&activations, &mut active);
            for (strip, expected) in matrix.strips().iter().zip(expected.chunks(STRIP)) {
                let results = kernel.multiply_active(strip, &active);
                assert_eq!(results[..expected.len()], *expected);
            }
        };
    check(&case, property);
    TestRunner::default()
        .run(&case, |value| {
            property(&Scalar, &value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_most_and_greatest_activations_have_room() {
    for weight in [-63, 63] {
        let matrix = ColumnMatrix::pack(&vec![weight; 64 * 4096], &[0; 64]);
        let activations = [255; 4096];
        for instruction_set in InstructionSet::available() {
            let kernel = kernel_for(instruction_set).unwrap();
            let mut active = Active::new(activations.len()).unwrap();
            for _ in 0..2 {
                kernel.gather(&activations, &mut active);
                let results = kernel.multiply_active(&matrix.strips()[0], &active);
                assert_eq!(results, [i32::from(weight) * 255 * 4096; 64]);
            }
            kernel.gather(&[0; 4096], &mut active);
            assert_eq!(
                kernel.multiply_active(&matrix.strips()[0], &active),
                [0; 64]
            );
        }
    }
}

#[test]
fn norms_and_elementwise_steps_are_equal() {
    let magnitude = prop_oneof![Just(0), Just(1), Just(100), Just(32_767)];
    let case = (1..=16_usize, magnitude).prop_flat_map(|(blocks, magnitude)| {
        let values = extreme_or(-magnitude..=magnitude);
        let branch = extreme_or(-(1 << 24)..=1 << 24);
        let len = 32 * blocks;
        (
            proptest::collection::vec(values, len),
            proptest::collection::vec(branch, len),
        )
    });
    check(&case, |kernel, (residual, branch)| {
        let (mut expected, mut actual) = (vec![0; residual.len()], vec![1; residual.len()]);
        Scalar.norm(residual, &mut expected);
        kernel.norm(residual, &mut actual);
        assert_eq!(actual, expected);
        for results in [residual, branch] {
            Scalar.squared_relu(results, &mut expected);
            kernel.squared_relu(results, &mut actual);
            assert_eq!(actual, expected);
        }
        let (mut expected, mut actual) = (residual.clone(), residual.clone());
        Scalar.add_branch(&mut expected, branch);
        kernel.add_branch(&mut actual, branch);
        assert_eq!(actual, expected);
    });
}

#[test]
fn attention_is_equal() {
    let shape = (
        1..=9_usize,
        1..=4_usize,
        1..=70_usize,
        0..=150_usize,
        0..=22_u32,
    );
    let case = (shape, any::<u64>(), any::<[u8; 32]>());
    check(
        &case,
        |kernel, &((heads, sixteens, window, position, score_shift), seed, noise)| {
            let head_dim = 16 * sixteens;
            let mut state = seed;
            let mut next = |limit: i64| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                ((state >> 33) as i64) % (2 * limit + 1) - limit
            };
            let mut ring = Ring::new(Ring::slots(window, 8), head_dim);
            for position in 0..=position {
                let key: Vec<i8> = (0..head_dim).map(|_| next(127) as i8).collect();
                let value: Vec<i8> = (0..head_dim).map(|_| next(127) as i8).collect();
                ring.reserve(position + 1).unwrap();
                ring.write(position, &key, &value);
            }
            let biases: Vec<i16> = (0..heads * window)
                .map(|_| next(8191) as i16 >> (seed % 12))
                .collect();
            // Not a table of powers: nothing may depend on its shape, nor on where it ends.
            let used = usize::from(noise[0]) + 1;
            let mut entries = [0; 256];
            let filler = noise.iter().cycle().zip(0..=255_u8);
            entries[..used]
                .iter_mut()
                .zip(filler)
                .for_each(|(e, (&n, i))| *e = n.wrapping_add(i) | 1);
            let attention = Attention {
                ring: &ring,
                span: &Span::new(position, window),
                biases: &Biases::new(&biases, window),
                exp2_table: &Exp2Table::new(entries),
                score_shift,
                head_dim,
            };
            let queries: Vec<i8> = (0..heads * head_dim).map(|_| next(127) as i8).collect();
            let (mut expected, mut actual) = (vec![0; queries.len()], vec![1; queries.len()]);
            Scalar.attend(
                attention,
                &queries,
                &mut Scratch::new(window),
                &mut expected,
            );
            kernel.attend(attention, &queries, &mut Scratch::new(window), &mut actual);
            assert_eq!(actual, expected);
        },
    );
}
