//! The native executor computes what docs/exact-transformer.md says, however it is called, and
//! refuses files that break the rules.

mod support;

use std::sync::Arc;

use lmac_core::cpu::InstructionSet;
use lmac_core::error::Error;
use lmac_core::models::architecture::{Architecture, Context, ContextKind, Window};
use lmac_core::models::context::ContextHasher;
use lmac_core::models::executor::Executor;
use lmac_core::models::model::Model;
use lmac_core::predictor::Predictor;
use prost::Message;

use support::reference::{Reference, context_rows};
use support::{Random, TestModel, Values, tiny};

const TEXT: &[u8] =
    b"\x00The cat -- the CAT! -- sat on 12 mats;\n\xc3\xa9t\xc3\xa9, the cats' mat.";

/// Architectures that differ in everything that a kernel could get wrong.
fn architectures() -> Vec<Architecture> {
    let context = |kind, order| Context { kind, order };
    let wide = Architecture {
        width: 96,
        heads: 6,
        hidden: 160,
        layers: 2,
        window: Window::PerLayer(vec![20, 3]),
        contexts: vec![
            context(ContextKind::Ngram, 1),
            context(ContextKind::Ngram, 16),
            context(ContextKind::Word, 1),
            context(ContextKind::Word, 16),
        ],
        context_dim: 24,
        context_rows_log2: 9,
        ..tiny()
    };
    let long_heads = Architecture {
        alphabet_size: 37,
        width: 64,
        heads: 1,
        head_dim: 64,
        hidden: 64,
        layers: 3,
        window: Window::Same(1),
        score_shift: 6,
        contexts: vec![],
        ..tiny()
    };
    vec![tiny(), wide, long_heads]
}

fn models() -> Vec<TestModel> {
    let kinds = [Values::Random, Values::Extreme];
    let architectures = architectures();
    let pairs = architectures
        .iter()
        .flat_map(|a| kinds.map(|values| (a, values)));
    pairs
        .zip(1..)
        .map(|((a, values), seed)| TestModel::random(a, values, seed))
        .collect()
}

fn load(model: &TestModel) -> Arc<Model> {
    Arc::new(Model::from_bytes(&model.to_bytes()).unwrap())
}

/// A context that begins with "beginning of context", of text and random symbols.
fn context(model: &TestModel, len: usize, seed: u64) -> Vec<u32> {
    let alphabet_size = model.architecture.alphabet_size;
    let mut random = Random(seed);
    let first = random.between(0, TEXT.len() as i64 / 2) as usize;
    let text = TEXT[first..]
        .iter()
        .map(|&byte| u32::from(byte) % alphabet_size);
    let noise = std::iter::repeat_with(|| random.between(0, i64::from(alphabet_size) - 1) as u32);
    std::iter::once(alphabet_size)
        .chain(text)
        .chain(noise)
        .take(len)
        .collect()
}

/// Runs contexts of equal length as lanes, in calls of the given numbers of steps (the last one
/// repeated), and returns the logits of every lane.
fn run(executor: &mut Executor, contexts: &[Vec<u32>], calls: &[usize]) -> Vec<Vec<i16>> {
    executor.start(contexts.len()).unwrap();
    let alphabet_size = executor.alphabet_size();
    let len = contexts[0].len();
    let mut results = vec![Vec::new(); contexts.len()];
    let (mut first, mut call) = (0, 0);
    while first < len {
        let steps = calls[call.min(calls.len() - 1)].min(len - first);
        let symbols: Vec<u32> = contexts
            .iter()
            .flat_map(|context| &context[first..first + steps])
            .copied()
            .collect();
        let mut logits = vec![0; symbols.len() * alphabet_size];
        executor.advance(&symbols, steps, &mut logits).unwrap();
        for (result, logits) in results.iter_mut().zip(logits.chunks(steps * alphabet_size)) {
            result.extend_from_slice(logits);
        }
        first += steps;
        call += 1;
    }
    results
}

#[test]
fn every_schedule_gives_the_logits_of_the_reference() {
    for test_model in models() {
        let model = load(&test_model);
        let len = 3 * test_model.architecture.window(0) + 40;
        let contexts: Vec<_> = (0..5).map(|seed| context(&test_model, len, seed)).collect();
        let reference = Reference::new(&test_model);
        let expected: Vec<_> = contexts.iter().map(|c| reference.logits(c)).collect();
        assert!(
            expected[0] != expected[1],
            "the logits depend on the symbols"
        );
        for instruction_set in InstructionSet::available() {
            for threads in 1..=3 {
                let mut executor =
                    Executor::with_instruction_set(model.clone(), Some(threads), instruction_set)
                        .unwrap();
                for lanes in 1..=5 {
                    for calls in [&[len][..], &[1], &[1, 7, 2, 33]] {
                        let actual = run(&mut executor, &contexts[..lanes], calls);
                        let schedule = format!(
                            "{instruction_set:?}, {threads} threads, {lanes} lanes, calls {calls:?}"
                        );
                        assert!(actual == expected[..lanes], "{schedule}");
                    }
                }
            }
        }
    }
}

#[test]
fn many_lanes_and_long_calls_give_the_logits_of_the_reference() {
    let test_model = &models()[0];
    let model = load(test_model);
    let reference = Reference::new(test_model);
    for (lanes, len) in [(70, 9), (7, 150), (1, 300)] {
        let contexts: Vec<_> = (0..lanes)
            .map(|seed| context(test_model, len, seed))
            .collect();
        let expected: Vec<_> = contexts.iter().map(|c| reference.logits(c)).collect();
        for threads in [1, 2, 5] {
            let mut executor = Executor::new(model.clone(), Some(threads)).unwrap();
            assert!(
                run(&mut executor, &contexts, &[len]) == expected,
                "{threads} threads"
            );
            assert!(
                run(&mut executor, &contexts, &[4]) == expected,
                "{threads} threads"
            );
        }
    }
}

#[test]
fn window_512_and_wide_layers_give_the_logits_of_the_reference() {
    let architecture = Architecture {
        width: 512,
        heads: 4,
        head_dim: 128,
        hidden: 1024,
        window: Window::Same(512),
        score_shift: 7,
        ..tiny()
    };
    let mut test_model = TestModel::random(&architecture, Values::Extreme, 3);
    // The largest shift that the bound of 2^24 leaves beside 63 * 255 * 1024.
    test_model
        .tensors
        .get_mut("layers.0.down_shift")
        .unwrap()
        .raw_data
        .fill(18);
    let symbols = context(&test_model, 70, 1);
    let expected = Reference::new(&test_model).logits(&symbols);
    let mut executor = Executor::new(load(&test_model), Some(2)).unwrap();
    assert!(run(&mut executor, &[symbols], &[50, 1])[0] == expected);
}

#[test]
fn a_second_start_forgets_the_first() {
    let test_model = &models()[2];
    let contexts: Vec<_> = (0..3).map(|seed| context(test_model, 50, seed)).collect();
    let mut executor = Executor::new(load(test_model), Some(2)).unwrap();
    let first = run(&mut executor, &contexts, &[13]);
    let reversed: Vec<_> = contexts.iter().rev().cloned().collect();
    let mut second = run(&mut executor, &reversed, &[5]);
    second.reverse();
    assert!(first == second);
}

#[test]
fn the_context_hasher_equals_its_definition() {
    for architecture in architectures() {
        let model = TestModel::random(&architecture, Values::Random, 1);
        let symbols = context(&model, 200, 9);
        let mut hasher = ContextHasher::new(&architecture);
        let mut rows = vec![0; hasher.len()];
        for (t, &symbol) in symbols.iter().enumerate() {
            hasher.push(symbol, &mut rows);
            assert_eq!(
                rows,
                context_rows(&architecture, &symbols, t),
                "position {t}"
            );
        }
    }
}

#[test]
fn calls_of_the_wrong_size_are_errors() {
    let mut executor = Executor::new(load(&models()[0]), Some(1)).unwrap();
    executor.start(2).unwrap();
    let mut logits = vec![0; 2 * 256];
    executor.advance(&[256, 256], 1, &mut logits).unwrap();
    assert!(matches!(
        executor.advance(&[1], 1, &mut logits),
        Err(Error::Predictor(_))
    ));
    assert!(matches!(
        executor.advance(&[1, 1], 2, &mut logits),
        Err(Error::Predictor(_))
    ));
    assert!(matches!(
        executor.advance(&[1, 257], 1, &mut logits),
        Err(Error::Predictor(_))
    ));
    assert!(matches!(
        executor.advance(&[1, 1], 1, &mut logits[1..]),
        Err(Error::Predictor(_))
    ));
    assert!(matches!(
        executor.advance(&[], usize::MAX, &mut []),
        Err(Error::Predictor(_))
    ));
    for lanes in [1 << 40, usize::MAX / 2, usize::MAX] {
        assert!(
            matches!(executor.start(lanes), Err(Error::OutOfMemory { .. })),
            "{lanes} lanes"
        );
    }
    executor.start(0).unwrap();
    executor.advance(&[], 3, &mut []).unwrap();
    assert!(matches!(
        Executor::new(load(&models()[0]), Some(0)),
        Err(Error::Predictor(_))
    ));
}

#[test]
fn the_content_id_follows_the_content_alone() {
    let original = &models()[0];
    let id = Model::from_bytes(&original.to_bytes()).unwrap().id();
    let mut other_answer = original.to_proto();
    other_answer.metadata_props[0].value.push_str(" or MIT");
    other_answer.graph.as_mut().unwrap().initializer.reverse();
    assert_eq!(
        Model::from_bytes(&other_answer.encode_to_vec())
            .unwrap()
            .id(),
        id
    );
    let mut other_weight = original.clone();
    other_weight
        .tensors
        .get_mut("logits_weight")
        .unwrap()
        .raw_data[5] ^= 1;
    assert_ne!(load(&other_weight).id(), id);
}

/// Damages a valid model and expects an `InvalidModel` whose message names the damage.
#[track_caller]
fn expect_invalid(part_of_message: &str, damage: impl FnOnce(&mut TestModel)) {
    let mut model = TestModel::random(&tiny(), Values::Random, 1);
    model.known_answer = format!(
        "{{\"symbols\":[1],\"logits_sha256\":\"{}\"}}",
        "0".repeat(64)
    );
    assert!(Model::from_bytes(&model.to_bytes()).is_ok());
    damage(&mut model);
    match Model::from_bytes(&model.to_bytes()) {
        Err(Error::InvalidModel(message)) => {
            assert!(message.contains(part_of_message), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let set = |name: &'static str, value: u8| {
        move |model: &mut TestModel| {
            *model
                .tensors
                .get_mut(name)
                .unwrap()
                .raw_data
                .last_mut()
                .unwrap() = value;
        }
    };
    expect_invalid("logits_weight", set("logits_weight", -64_i8 as u8));
    expect_invalid("layers.0.up_weight", set("layers.0.up_weight", 64));
    expect_invalid("layers.0.down_shift", set("layers.0.down_shift", 23));
    expect_invalid("layers.0.bias", set("layers.0.bias", 0x20));
    expect_invalid("symbol_embedding", set("symbol_embedding", -128_i8 as u8));
    expect_invalid("symbol_shift", set("symbol_shift", 9));
    expect_invalid("exp2_table: a value is not in 1..", |model| {
        model.tensors.get_mut("exp2_table").unwrap().raw_data[0] = 0;
    });
    expect_invalid("exp2_table: the last entry", set("exp2_table", 1));
}

#[test]
fn sums_beyond_2_to_the_24_are_refused() {
    let architecture = Architecture {
        hidden: 1056,
        ..tiny()
    };
    let mut model = TestModel::random(&architecture, Values::Extreme, 1);
    model.known_answer = format!(
        "{{\"symbols\":[1],\"logits_sha256\":\"{}\"}}",
        "0".repeat(64)
    );
    let error = Model::from_bytes(&model.to_bytes()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("layers.0.down_weight: the sums of row 0"),
        "{error}"
    );
}

#[test]
fn wrong_missing_and_repeated_tensors_are_refused() {
    expect_invalid("no tensor layers.0.out_weight", |model| {
        model.tensors.remove("layers.0.out_weight");
    });
    expect_invalid("symbol_embedding has shape", |model| {
        model
            .tensors
            .get_mut("symbol_embedding")
            .unwrap()
            .dims
            .swap(0, 1);
    });
    expect_invalid("bias has data type 3, not 5", |model| {
        model.tensors.get_mut("layers.0.bias").unwrap().data_type = 3;
    });
    expect_invalid("context_tables has 1023 bytes", |model| {
        model
            .tensors
            .get_mut("context_tables")
            .unwrap()
            .raw_data
            .pop();
    });
    expect_invalid("lmac.known_answer", |model| {
        model.known_answer = "{}".into();
    });
    expect_invalid("lmac.known_answer", |model| {
        model.known_answer = model.known_answer.replace("[1]", "[256]");
    });
    expect_invalid("lmac.architecture", |model| {
        model.architecture.window = Window::Same(0);
    });
    expect_invalid("beyond 28544 cannot be masked", |model| {
        model.architecture.score_shift = 3;
    });
    let mut twice = models()[0].to_proto();
    let tensors = &mut twice.graph.as_mut().unwrap().initializer;
    tensors.push(tensors[1].clone());
    let error = Model::from_bytes(&twice.encode_to_vec()).unwrap_err();
    assert!(error.to_string().contains("two tensors"), "{error}");
    let mut external = models()[0].to_proto();
    external.graph.as_mut().unwrap().initializer[1].data_location = 1;
    let error = Model::from_bytes(&external.encode_to_vec()).unwrap_err();
    assert!(error.to_string().contains("another file"), "{error}");
}

#[test]
fn a_known_answer_has_at_most_4096_symbols() {
    let mut model = TestModel::random(&tiny(), Values::Random, 1);
    for (len, loads) in [(4096, true), (4097, false)] {
        let (symbols, sha256) = (vec![1; len], "0".repeat(64));
        model.known_answer = format!("{{\"symbols\":{symbols:?},\"logits_sha256\":\"{sha256}\"}}");
        let result = Model::from_bytes(&model.to_bytes());
        assert_eq!(result.is_ok(), loads, "{len} symbols: {:?}", result.err());
    }
}

#[test]
fn a_wrong_known_answer_is_a_mismatch() {
    let mut test_model = models()[0].clone();
    test_model.known_answer = format!(
        "{{\"symbols\":[1],\"logits_sha256\":\"{}\"}}",
        "0".repeat(64)
    );
    let model = load(&test_model);
    for _ in 0..2 {
        let error = Executor::new(model.clone(), Some(1)).unwrap_err();
        assert_eq!(
            error,
            Error::KnownAnswerMismatch {
                model_id: model.id()
            }
        );
    }
}

#[test]
fn every_truncation_of_a_file_is_an_error() {
    let file = models()[0].to_bytes();
    for len in (0..file.len())
        .step_by(7)
        .chain(file.len() - 200..file.len())
    {
        let error = Model::from_bytes(&file[..len]).unwrap_err();
        assert!(
            matches!(error, Error::InvalidModel(_)),
            "{len} bytes: {error}"
        );
    }
}

#[test]
fn damaged_bytes_change_the_model_or_are_errors() {
    let test_model = &models()[0];
    let file = test_model.to_bytes();
    let id = Model::from_bytes(&file).unwrap().id();
    let mut random = Random(5);
    let (mut refused, mut mismatches) = (0, 0);
    for _ in 0..1000 {
        let mut damaged = file.clone();
        let at = random.between(0, file.len() as i64 - 1) as usize;
        damaged[at] ^= random.between(1, 255) as u8;
        match Model::from_bytes(&damaged) {
            Err(Error::InvalidModel(_)) => refused += 1,
            Err(other) => panic!("byte {at}: {other}"),
            // The damage lies in the content, in what no reader looks at, or in the known answer.
            Ok(model) if model.id() == id => {}
            Ok(model) => match Executor::new(Arc::new(model), Some(1)) {
                Err(Error::KnownAnswerMismatch { .. }) => mismatches += 1,
                // The damage is in rows or weights that the known answer does not reach.
                Ok(_) => {}
                Err(other) => panic!("byte {at}: {other}"),
            },
        }
    }
    assert!(mismatches > 100, "{mismatches} mismatches");
    assert!(refused > 100, "{refused} refused");
}
