//! The adaptive layer: the bits of a symbol, each predicted by many experts and one mixer.
//!
//! A language model knows the language and nothing of the file; simple statistics know the file
//! and nothing else. Here the network's frequencies become, bit by bit, one expert among several
//! that learn as they go: the symbols after a hashed context (`hashed.rs`; the contexts
//! are in `contexts/`), what followed where the last symbols occurred before (`matching.rs`), the
//! network as far as it was right after such symbols (`calibrated.rs`), the mere frequency of symbols
//! (`order_zero.rs`), and that all are equally frequent (`uniform.rs`).
//! A mixer that learns whom to believe (`mixer.rs`) makes one probability of what they say, and
//! curves that learn how right it is correct it (`refinement.rs`). All of it is integer arithmetic,
//! on tables made by integer arithmetic, and the same on every machine.
//!
//! One `Mixture` serves all lanes of a block, in the order (step, lane): what it learns in one
//! lane, it knows in all of them. A `Spelling` codes tokens, byte by byte, with a mixture.
//!
//! Format: docs/adaptive.md.

// All that a bit passes through is inlined into one function for each instruction set.
#![allow(clippy::inline_always)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod bit_history;
mod chance;
mod contexts;
mod ending;
mod experts;
mod initial;
mod logistic;
mod mixer;
mod past;
mod refinement;
mod slots;
mod spelling;
mod tree;

use crate::coding::frequency::FrequencyTable;
use crate::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
#[cfg(target_arch = "x86_64")]
use crate::cpu::InstructionSet;
use crate::error;
use crate::format::lanes::Lanes;
use crate::memory::{check_room, filled};
use experts::Expert;
use experts::calibrated::{self, Calibrated};
use experts::hashed::{self, Hashed};
use experts::matching::{self, Matching};
use experts::network::{self, Network};
pub(crate) use experts::order_zero::OrderZero;
use experts::uniform::Uniform;
pub use initial::Initial;
use logistic::squash;
use mixer::{Arithmetic, Layer, OUTPUTS, Portable, WEIGHT_ONE, WeightSet};
use past::Past;
use refinement::Refinement;
pub use spelling::Spelling;
use tree::{LEAVES, NODES, Node, Tree};

/// Where the inputs of the mixer come from: the contexts, the match, the network, the network
/// calibrated, order 0, the uniform distribution, and a constant.
const MATCHING: usize = hashed::INPUTS;
const NETWORK: usize = MATCHING + 2;
const CALIBRATED: usize = NETWORK + 2;
const ORDER_ZERO: usize = CALIBRATED + calibrated::INPUTS;
const UNIFORM: usize = ORDER_ZERO + 1;
const CONSTANT: usize = UNIFORM + 1;
const INPUTS: usize = (CONSTANT + 1).next_multiple_of(16);

/// Weight sets of the first layer: by the class of the match, by how sure the network is and the
/// symbol before, by the node and what the match expects there, by the two symbols before, by how
/// many contexts are known, by the shape of the symbols before.
const BY_MATCH: usize = 0;
const BY_SURENESS: usize = 1;
const BY_NODE: usize = 2;
const BY_SYMBOLS: usize = 3;
const BY_KNOWN: usize = 4;
const BY_SHAPE: usize = 5;
const SETS: usize = 6;

/// How many depths of nodes are told apart.
const DEPTHS: usize = 8;

/// How many values their contexts have.
const SET_VALUES: [usize; SETS] = [
    matching::CLASSES,
    network::CLASSES * 256,
    matching::EXPECTATIONS * NODES,
    1 << HASH_BITS,
    (hashed::CONTEXTS + 1) * DEPTHS,
    1 << HASH_BITS,
];

/// How many of these in a row begin with the same weights, and how many such groups there
/// are: one for every class of match, sureness, and number of contexts known.
const GROUP_VALUES: [usize; SETS] = [
    1,
    256,
    SET_VALUES[BY_NODE],
    SET_VALUES[BY_SYMBOLS],
    DEPTHS,
    SET_VALUES[BY_SHAPE],
];
const GROUPS: [usize; SETS] = {
    let mut groups = [0; SETS];
    let mut set = 0;
    while set < SETS {
        groups[set] = SET_VALUES[set] / GROUP_VALUES[set];
        set += 1;
    }
    groups
};

/// Weight sets of the last layer: by the node, and by the shape of the symbols before.
const LAST_BY_NODE: usize = 0;
const LAST_BY_SHAPE: usize = 1;
const LAST_SET_VALUES: [usize; 2] = [LEAVES, 1 << HASH_BITS];

/// What selects by the hash of a context: so many of its bits.
const HASH_BITS: u32 = 12;

/// The learning rate of the first layer, in 2^-16, falls from the first to the last.
const FIRST_RATE: i32 = 1800;
const LAST_RATE: i32 = 400;
const RATE_DECAY: u32 = 18;

/// The learning rate of the last sets.
const OUTPUT_RATE: i32 = 250;

/// The weights, which are made as they are met, and all else that does not grow with the content.
const FIXED_BYTES: usize = 3 << 19;

/// What the contexts and the match remember of a lane.
const BYTES_PER_LANE: usize = 1200;

/// The state of a block's adaptive coding.
pub struct Mixture {
    lanes: Lanes,
    /// Where the next symbol of each lane stands in the content.
    positions: Vec<usize>,
    content: Vec<u8>,
    hashed: Hashed,
    matching: Matching,
    network: Network,
    /// If there is a network.
    calibrated: Option<Calibrated>,
    order_zero: OrderZero,
    first_layer: Layer<INPUTS, SETS>,
    last_layer: Layer<OUTPUTS, { LAST_SET_VALUES.len() }>,
    refinement: Refinement,
    /// The first layer's rate, with 16 more bits of fraction.
    rate: i32,
    /// Whether the processor has AVX2, and may use it.
    #[cfg(target_arch = "x86_64")]
    has_avx2: bool,
    /// Inputs that are silenced, for experiments.
    left_out: std::ops::Range<usize>,
}

/// A symbol under way.
struct Moment {
    node: Node,
    inputs: [i16; INPUTS],
}

impl Mixture {
    /// Knows nothing yet of a block's content. It is several kilobytes long, and threads may have small stacks.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn new(lanes: Lanes, has_network: bool) -> error::Result<Box<Self>> {
        Self::beginning_with(Initial::of_format(has_network), lanes, has_network)
    }

    /// The memory that a mixture takes, in bytes: an upper bound.
    #[must_use]
    pub fn bytes(lanes: Lanes) -> usize {
        let content_len = lanes.content_len();
        content_len
            + Hashed::bytes(content_len)
            + Matching::bytes(content_len)
            + 3 * Refinement::bytes(content_len)
            + FIXED_BYTES
            + lanes.count() * BYTES_PER_LANE
    }

    /// Begins with other values than the format's: to find those.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    #[inline(never)] // its stack is free again when the work begins
    pub fn beginning_with(
        initial: &Initial,
        lanes: Lanes,
        has_network: bool,
    ) -> error::Result<Box<Self>> {
        let content_len = lanes.content_len();
        check_room(FIXED_BYTES + lanes.count() * BYTES_PER_LANE)?;
        let mut last_initial = [0; OUTPUTS];
        last_initial[..SETS].fill(WEIGHT_ONE / SETS as i16);
        Ok(Box::new(Self {
            lanes,
            positions: (0..lanes.count()).map(|lane| lanes.start(lane)).collect(),
            content: filled(0, content_len)?,
            hashed: Hashed::new(content_len, lanes.count(), &initial.meanings)?,
            matching: Matching::new(content_len, lanes.count(), &initial.chances)?,
            network: Network::new(),
            calibrated: has_network
                .then(|| Calibrated::new(content_len))
                .transpose()?,
            order_zero: OrderZero::new(),
            first_layer: Layer::new(std::array::from_fn(|set| {
                WeightSet::new(initial.weights[set].clone(), GROUP_VALUES[set])
            })),
            last_layer: Layer::new(
                LAST_SET_VALUES.map(|values| WeightSet::new(vec![last_initial], values)),
            ),
            refinement: Refinement::new(content_len)?,
            rate: FIRST_RATE << 16,
            #[cfg(target_arch = "x86_64")]
            has_avx2: InstructionSet::from_environment()
                .is_ok_and(|set| set >= InstructionSet::Avx2),
            left_out: 0..0,
        }))
    }

    /// Silences an expert, by its name in `expert_names`: to see what it is worth. Without the
    /// network there is nothing to calibrate, either.
    ///
    /// # Panics
    ///
    /// If there is no such expert.
    pub fn leave_out(&mut self, expert: &str) {
        let names = Self::expert_names();
        let index = names.iter().position(|&name| name == expert);
        let index = index.expect("an expert's name");
        self.left_out = match index.checked_sub(hashed::CONTEXTS) {
            None => index * hashed::INPUTS_EACH..(index + 1) * hashed::INPUTS_EACH,
            Some(0) => MATCHING..NETWORK,
            Some(1) => NETWORK..ORDER_ZERO,
            Some(2) => CALIBRATED..ORDER_ZERO,
            Some(3) => ORDER_ZERO..UNIFORM,
            Some(_) => UNIFORM..CONSTANT,
        };
    }

    /// The names of all experts.
    #[must_use]
    pub fn expert_names() -> Vec<&'static str> {
        let others = ["match", "network", "calibration", "order 0", "uniform"];
        contexts::NAMES.into_iter().chain(others).collect()
    }

    /// What it has learned that another mixture can begin with; weights are those of the groups'
    /// means.
    #[must_use]
    pub fn learned(&self) -> Initial {
        Initial {
            weights: std::array::from_fn(|set| self.first_layer.group_means(set)),
            meanings: self.hashed.meanings(),
            chances: self.matching.chances(),
        }
    }

    /// Codes the next symbol of a lane; `table` is the network's prediction, if there is one.
    ///
    /// # Panics
    ///
    /// If the lane is complete, or the table is not of 256 symbols.
    #[inline]
    pub fn encode(
        &mut self,
        lane: usize,
        symbol: u8,
        table: Option<&FrequencyTable>,
        encoder: &mut RangeEncoder,
    ) {
        let mut bits = Encoding::new(encoder, symbol);
        let Ok(_) = self.code(lane, table, &mut bits);
    }

    /// Decodes the next symbol of a lane.
    ///
    /// # Errors
    ///
    /// `TooShort` when the payload has no more bytes for what follows.
    #[inline]
    pub fn decode(
        &mut self,
        lane: usize,
        table: Option<&FrequencyTable>,
        decoder: &mut RangeDecoder<'_>,
    ) -> Result<u8, PayloadError> {
        self.code(lane, table, decoder)
    }

    fn code<B: Bits>(
        &mut self,
        lane: usize,
        table: Option<&FrequencyTable>,
        bits: &mut B,
    ) -> Result<u8, B::Error> {
        #[cfg(target_arch = "x86_64")]
        if self.has_avx2 {
            // SAFETY: the processor has AVX2, and what comes with it.
            return unsafe { self.code_avx2(lane, table, bits) };
        }
        self.code_with::<Portable, B>(lane, table, bits)
    }

    /// The same code, compiled for 256-bit vectors.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn code_avx2<B: Bits>(
        &mut self,
        lane: usize,
        table: Option<&FrequencyTable>,
        bits: &mut B,
    ) -> Result<u8, B::Error> {
        self.code_with::<avx2::Avx2, B>(lane, table, bits)
    }

    #[inline(always)]
    fn code_with<A: Arithmetic, B: Bits>(
        &mut self,
        lane: usize,
        table: Option<&FrequencyTable>,
        bits: &mut B,
    ) -> Result<u8, B::Error> {
        let mut moment = self.begin_symbol(lane, table);
        // One loop: the code of a bit is long, and three copies of it leave the cache for instructions.
        loop {
            if moment.node.begins_group() {
                self.hashed.begin_group(moment.node);
                self.hashed.find_buckets();
            }
            if moment.node.ends_group() {
                self.hashed.expect_group(moment.node);
            }
            self.code_bit::<A, B>(&mut moment, bits)?;
            if let Some(symbol) = moment.node.symbol() {
                self.end_symbol(lane, symbol);
                return Ok(symbol);
            }
        }
    }

    #[inline(always)]
    fn begin_symbol(&mut self, lane: usize, table: Option<&FrequencyTable>) -> Moment {
        let past = Past::of_lane(&self.content, &self.lanes, &self.positions, lane);
        let tree = Tree::after(past.back(1));
        self.matching.prefetch(&past);
        self.hashed.begin_symbol(0..contexts::PROMISED, &past);
        let of_context = |context| self.hashed.hash(context);
        self.refinement.begin_symbol(of_context(contexts::ORDER_2));
        if let Some(calibrated) = &mut self.calibrated {
            calibrated.begin_symbol([contexts::ORDER_1, contexts::WORD].map(of_context));
        }
        let (lanes, positions) = (&self.lanes, &self.positions);
        // A match that goes on can run beyond the end of the content, where there are several lanes.
        let is_known = |position| {
            let lane = lanes.lane_at(position).min(lanes.count() - 1);
            position < positions[lane]
        };
        self.matching.begin_symbol(&past, tree, is_known);
        let promised = self.matching.promised();
        let past = Past { promised, ..past };
        self.hashed
            .begin_symbol(contexts::PROMISED..contexts::COUNT, &past);
        let bits_of = |context| (self.hashed.hash(context) >> (32 - HASH_BITS)) as usize;
        let [symbols, shape] = [contexts::ORDER_2, contexts::SHAPE].map(bits_of);
        self.network.begin_symbol(table, tree);
        let sure = self.network.sureness() * 256 + usize::from(past.back(1));
        self.first_layer.select(BY_SURENESS, sure);
        self.first_layer.select(BY_SYMBOLS, symbols);
        self.first_layer.select(BY_SHAPE, shape);
        self.last_layer.select(LAST_BY_SHAPE, shape);
        self.hashed.find_buckets();
        let mut inputs = [0; INPUTS];
        inputs[CONSTANT] = 256;
        Moment {
            node: Node::root(tree),
            inputs,
        }
    }

    #[inline(always)]
    fn code_bit<A: Arithmetic, B: Bits>(
        &mut self,
        moment: &mut Moment,
        bits: &mut B,
    ) -> Result<(), B::Error> {
        let probability = self.predict::<A>(moment);
        let bit = bits.code(moment.node, probability)?;
        self.update::<A>(moment, bit);
        moment.node = moment.node.child(bit);
        Ok(())
    }

    /// The probability that the next bit is 1, in `1 ..= 65_535`.
    #[inline(always)]
    fn predict<A: Arithmetic>(&mut self, moment: &mut Moment) -> u32 {
        let Moment { node, inputs, .. } = moment;
        let node = *node;
        self.refinement.select(node);
        let of_contexts = inputs.first_chunk_mut().expect("contexts come first");
        let known = self.hashed.predict::<A>(node, of_contexts);
        inputs[MATCHING..NETWORK].copy_from_slice(&self.matching.predict(node));
        inputs[NETWORK..CALIBRATED].copy_from_slice(&self.network.predict(node));
        if let Some(calibrated) = &mut self.calibrated {
            let says = calibrated.predict(node, inputs[NETWORK]);
            inputs[CALIBRATED..ORDER_ZERO].copy_from_slice(&says);
        }
        inputs[ORDER_ZERO..UNIFORM].copy_from_slice(&self.order_zero.predict(node));
        inputs[UNIFORM..CONSTANT].copy_from_slice(&Uniform.predict(node));
        if !self.left_out.is_empty() {
            moment.inputs[self.left_out.clone()].fill(0);
        }

        let (number, depth) = (node.number(), (node.depth as usize).min(DEPTHS - 1));
        let expectation = self.matching.expectation(node);
        self.first_layer.select(BY_MATCH, self.matching.class());
        self.first_layer
            .select(BY_NODE, expectation * NODES + number);
        self.first_layer.select(BY_KNOWN, known * DEPTHS + depth);
        let outputs = self.first_layer.mix::<A>(&moment.inputs);
        self.last_layer.select(LAST_BY_NODE, node.question as usize);
        let [by_node, by_shape, ..] = *self.last_layer.mix::<A>(outputs);
        let mixed = (by_node + by_shape) >> 1;
        let refined = self.refinement.refine(mixed);
        ((5 * squash(mixed.into()) + 3 * refined) >> 3).clamp(1, 65_535)
    }

    #[inline(always)]
    fn update<A: Arithmetic>(&mut self, moment: &mut Moment, bit: u32) {
        let node = moment.node;
        self.hashed.update(node, bit);
        self.matching.update(node, bit);
        if let Some(calibrated) = &mut self.calibrated {
            calibrated.update(bit);
        }
        self.order_zero.update(node, bit);
        let rate = (self.rate >> 16).max(LAST_RATE);
        self.rate -= self.rate >> RATE_DECAY;
        self.first_layer.update::<A>(&moment.inputs, bit, rate);
        let outputs = self.first_layer.outputs();
        self.last_layer.update::<A>(outputs, bit, OUTPUT_RATE);
        self.refinement.update(bit);
    }

    #[inline(always)]
    fn end_symbol(&mut self, lane: usize, symbol: u8) {
        let past = Past::of_lane(&self.content, &self.lanes, &self.positions, lane);
        self.hashed.learn(&past, symbol);
        self.content[self.positions[lane]] = symbol;
        self.positions[lane] += 1;
        self.matching.learn(lane, symbol);
    }
}

/// Where bits go to or come from.
trait Bits {
    type Error;

    /// Codes the bit at a node; `probability` is that of a 1.
    fn code(&mut self, node: Node, probability: u32) -> Result<u32, Self::Error>;
}

struct Encoding<'a> {
    encoder: &'a mut RangeEncoder,
    symbol: u8,
}

impl<'a> Encoding<'a> {
    fn new(encoder: &'a mut RangeEncoder, symbol: u8) -> Self {
        Self { encoder, symbol }
    }
}

impl Bits for Encoding<'_> {
    type Error = std::convert::Infallible;

    #[inline(always)]
    fn code(&mut self, node: Node, probability: u32) -> Result<u32, Self::Error> {
        let bit = node.bit_to(node.tree.rank_of(self.symbol));
        self.encoder.encode_bit(bit, probability);
        Ok(bit)
    }
}

impl Bits for RangeDecoder<'_> {
    type Error = PayloadError;

    #[inline(always)]
    fn code(&mut self, _node: Node, probability: u32) -> Result<u32, PayloadError> {
        self.decode_bit(probability)
    }
}
