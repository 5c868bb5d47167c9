//! `compress_many` and `decompress_many`: many short records, each a blob of its own, as one batch.
//!
//! A predictor works best on a batch, and one short record is none. Here each record is a lane; all
//! that lanes share is the time at which the predictor looks at them, so that a blob depends on its record
//! alone. Records of about the same length go together, since a batch takes as many steps as its
//! longest record. Batches have nothing to do with each other: every thread codes some of them by itself (pool.rs).
//!
//! In the form of a frame, blobs are those that `codec::compress` makes, byte for byte. The bare form leaves
//! out all that can be agreed upon beforehand: docs/format.md, "The bare form".

use crate::codec::{self, Room, Settings};
use crate::coding::batch::{self, Block};
use crate::coding::block::{self, Coded, SHORT, check_ready};
use crate::error::{Error, Result};
use crate::format::cursor::{Cursor, write_varint};
use crate::format::frame::{FrameHeader, MAX_BLOCK_LEN, MODEL_ID_LEN, Mode, take_len};
use crate::format::frame_reader::FrameReader;
use crate::format::frame_writer::FrameWriter;
use crate::format::lanes::Lanes;
use crate::format::place::Place;
use crate::limits::{self, Limits};
use crate::memory::{copied, extend};
use crate::pool::Pool;
use crate::predictor::Predictor;
use crate::progress::{Progress, Report};

/// The most records of a batch. A decoder learns one symbol of each at a time, and the predictor wants
/// many rows; an encoder has rows enough in a few records. Every record has a mixture of its own, and those of
/// more records leave the cache.
const DECODER_BATCH: usize = 16;
const ENCODER_BATCH: usize = 4;

/// The most content of the batches under way, if they are of several records, in bytes; it bounds the memory of the
/// mixtures.
const MAX_BATCH_LEN: usize = 1 << 18;

/// What a blob consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A frame, which says what it is and is checked.
    Frame,
    /// Length and symbols alone: at most two bytes more than the coded symbols, for a record below
    /// 16 KiB. Model and mode must be known to the reader, and damage goes unnoticed.
    Bare,
}

/// Compresses every record to a blob.
///
/// In the bare form a record is one block of one lane, whatever the settings say about lengths.
///
/// `progress` is told how much of all records is done.
///
/// # Errors
///
/// `InvalidSetting` for settings out of range, or a record that is too long for the bare form;
/// `Predictor`, or `Interrupted` if `progress` asks to stop.
pub fn compress_many(
    records: &[&[u8]],
    form: Form,
    predictor: &mut dyn Predictor,
    settings: &Settings,
    progress: &mut Progress<'_>,
) -> Result<Vec<Vec<u8>>> {
    settings.check()?;
    check_ready(predictor)?;
    if form == Form::Bare && records.iter().any(|record| record.len() > MAX_BLOCK_LEN) {
        return Err(Error::InvalidSetting(
            "a record in the bare form has at most 2^24 bytes; use frames",
        ));
    }
    let header = settings.frame_header(predictor, None, true);
    let mut blobs = vec![Vec::new(); records.len()];
    let can_batch = can_batch(predictor);
    let (together, alone) = divide(records, form, &header, predictor, settings)?;
    let most = if can_batch { ENCODER_BATCH } else { 1 };
    let lens = together.iter().map(|&index| records[index].len());
    let at_once = jobs_at_once(lens, settings.mode, predictor, settings.max_memory)?;
    let mut pool = Pool::new(predictor, at_once.min(together.len()))?;
    let batches = batches(together, most, pool.len(), |index| records[index].len());
    let contents_of = |job: usize| -> Vec<&[u8]> {
        let batch: &[usize] = &batches[job];
        batch.iter().map(|&index| records[index]).collect()
    };
    let encode = |job, predictor: &mut dyn Predictor, progress: &mut Progress<'_>| {
        let contents = contents_of(job);
        let payloads = match contents[..] {
            [content] if !can_batch => vec![encode_alone(content, settings, predictor)?],
            _ => batch::encode(&contents, settings.mode, predictor)?,
        };
        report_of(&contents, &payloads).tell(progress)?;
        Ok(payloads)
    };
    pool.for_each(batches.len(), progress, encode, |job, payloads| {
        for (&index, payload) in batches[job].iter().zip(payloads) {
            write_blob(records[index], payload, form, &header, &mut blobs[index])?;
        }
        Ok(())
    })?;
    let mut done = batches
        .iter()
        .flatten()
        .map(|&index| records[index].len() as u64)
        .sum();
    for index in alone {
        let record = records[index];
        if form == Form::Frame {
            let mut add = |report: Report| progress(report.after(done));
            blobs[index] = codec::compress(record, predictor, settings, &mut add)?;
        } else if !record.is_empty() {
            write_blob(record, None, form, &header, &mut blobs[index])?;
        }
        done += record.len() as u64;
    }
    Ok(blobs)
}

/// Which records are coded in batches, and which by themselves.
fn divide(
    records: &[&[u8]],
    form: Form,
    header: &FrameHeader,
    predictor: &mut dyn Predictor,
    settings: &Settings,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let can_batch = can_batch(predictor);
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for (index, &record) in records.iter().enumerate() {
        let is_batched = match form {
            _ if record.is_empty() => false,
            Form::Frame => can_batch && is_one_lane(record.len(), header, settings),
            Form::Bare => true,
        };
        if is_batched && !block::is_incompressible(record, predictor)? {
            together.push(index);
        } else {
            alone.push(index);
        }
    }
    Ok((together, alone))
}

/// Writes the blob of a record; without a payload it is stored.
fn write_blob(
    record: &[u8],
    payload: Option<Vec<u8>>,
    form: Form,
    header: &FrameHeader,
    blob: &mut Vec<u8>,
) -> Result<()> {
    match form {
        Form::Frame => {
            let mut frame = FrameWriter::start(header.clone(), blob);
            let coded = payload.map(Coded::with_network);
            codec::write_block(record, coded.as_ref(), &mut frame, blob)?;
            frame.end(blob);
            Ok(())
        }
        Form::Bare => {
            write_varint(record.len() as u64, blob);
            extend(blob, payload.as_deref().unwrap_or(record))
        }
    }
}

/// How many batches can be under way. Records of a batch are short, or one is alone: each counts as much as the longest of all.
fn jobs_at_once(
    lens: impl Iterator<Item = usize>,
    mode: Mode,
    predictor: &dyn Predictor,
    max_memory: Option<u64>,
) -> Result<usize> {
    let Some(longest) = lens.max().filter(|&len| len > 0) else {
        return Ok(1);
    };
    let needed = limits::block_bytes(Lanes::single(longest), mode, predictor);
    limits::at_once(predictor.threads(), needed, max_memory)
}

/// Adaptive if any block is.
fn coded_mode(coded: &[(usize, Block<'_>)]) -> Mode {
    let is_adaptive = coded.iter().any(|(_, block)| block.mode == Mode::Adaptive);
    if is_adaptive {
        Mode::Adaptive
    } else {
        Mode::Static
    }
}

/// Of a batch whose payloads are complete; those of stored records are the contents.
fn report_of(contents: &[&[u8]], payloads: &[Option<Vec<u8>>]) -> Report {
    let pairs = contents.iter().zip(payloads);
    let payload_lens =
        pairs.map(|(content, payload)| payload.as_ref().map_or(content.len(), Vec::len));
    let content_len = contents.iter().map(|content| content.len()).sum();
    Report::of_pass(content_len, payload_lens.sum())
}

/// Whether records may go through the predictor together: their bytes must not depend on it.
fn can_batch(predictor: &dyn Predictor) -> bool {
    predictor.vocabulary().is_none() && predictor.fingerprint().is_none()
}

/// The payload of one record in the bare form, alone; `None` if it is stored.
fn encode_alone(
    content: &[u8],
    settings: &Settings,
    predictor: &mut dyn Predictor,
) -> Result<Option<Vec<u8>>> {
    let (lanes, limit) = (Lanes::single(content.len()), content.len() - 1);
    let progress: &mut Progress<'_> = &mut |_| true;
    let payload =
        block::encode_with_network(content, lanes, settings.mode, limit, predictor, progress)?;
    if !settings.verify || predictor.fingerprint().is_none() {
        return Ok(payload);
    }
    Ok(payload.filter(|payload| {
        let restored = decode_alone(payload, content.len(), settings.mode, predictor);
        restored.is_ok_and(|restored| restored == content)
    }))
}

/// The content of one record in the bare form, alone.
fn decode_alone(
    payload: &[u8],
    content_len: usize,
    mode: Mode,
    predictor: &mut dyn Predictor,
) -> Result<Vec<u8>> {
    let lane_len = Some(MAX_BLOCK_LEN);
    let frame = FrameHeader::of_single_block([0; MODEL_ID_LEN], mode, lane_len);
    let coded = Coded::with_network(payload);
    let place = Place::default();
    block::decode(coded, content_len, &frame, predictor, place, &mut |_| true)
}

/// Restores every record.
///
/// `mode` is that of the bare form, a frame states its own; `limits` are those of all
/// records together; `progress` is told how much is done.
///
/// # Errors
///
/// `InRecord` with the index of the blob around what `codec::decompress` returns; `OutputLimit`,
/// `Predictor`, or `Interrupted` if `progress` asks to stop.
pub fn decompress_many(
    blobs: &[&[u8]],
    form: Form,
    predictor: &mut dyn Predictor,
    mode: Mode,
    limits: impl Into<Limits>,
    progress: &mut Progress<'_>,
) -> Result<Vec<Vec<u8>>> {
    check_ready(predictor)?;
    let limits = limits.into();
    let max_memory = limits.max_memory;
    let mut room = Room::new(limits.max_output);
    let mut records = vec![Vec::new(); blobs.len()];
    let (mut coded, mut whole) = (Vec::new(), Vec::new());
    for (index, blob) in blobs.iter().enumerate() {
        let source = match form {
            Form::Frame => Source::of_frame(blob, predictor),
            Form::Bare => Source::of_bare(blob, mode),
        };
        match source.map_err(|error| error.in_record(index))? {
            Source::Coded(block) => {
                room.take(block.content_len as u64)?;
                coded.push((index, block));
            }
            Source::Stored(content) => {
                room.take(content.len() as u64)?;
                records[index] = copied(content)?;
            }
            Source::Whole => whole.push(index),
        }
    }
    let mut done = records.iter().map(|record| record.len() as u64).sum();
    decode_batches(&coded, predictor, max_memory, &mut records, done, progress)?;
    done += coded
        .iter()
        .map(|(_, block)| block.content_len as u64)
        .sum::<u64>();
    for index in whole {
        let mut add = |report: Report| progress(report.after(done));
        let limits = Limits {
            max_output: room.left(),
            max_memory,
        };
        let content = codec::decompress(blobs[index], predictor, limits, &mut add);
        records[index] = content.map_err(|error| error.in_record(index))?;
        room.take(records[index].len() as u64)?;
        done += records[index].len() as u64;
    }
    Ok(records)
}

/// Decodes blocks to their places in `records`, many at once if the predictor allows it; `done` is how much content there was before.
fn decode_batches(
    coded: &[(usize, Block<'_>)],
    predictor: &mut dyn Predictor,
    max_memory: Option<u64>,
    records: &mut [Vec<u8>],
    done: u64,
    progress: &mut Progress<'_>,
) -> Result<()> {
    let can_batch = can_batch(predictor);
    let most = if can_batch { DECODER_BATCH } else { 1 };
    let lens = coded.iter().map(|(_, block)| block.content_len);
    let at_once = jobs_at_once(lens, coded_mode(coded), predictor, max_memory)?;
    let mut pool = Pool::new(predictor, at_once.min(coded.len()))?;
    let len = |at: usize| coded[at].1.content_len;
    let batches = batches((0..coded.len()).collect(), most, pool.len(), len);
    let blocks_of = |job: usize| -> Vec<&(usize, Block<'_>)> {
        let batch: &[usize] = &batches[job];
        batch.iter().map(|&at| &coded[at]).collect()
    };
    let decode = |job, predictor: &mut dyn Predictor, progress: &mut Progress<'_>| {
        let blocks = blocks_of(job);
        let contents = match blocks[..] {
            [(index, block)] if !can_batch => {
                let content = decode_alone(block.payload, block.content_len, block.mode, predictor);
                vec![content.map_err(|error| error.in_record(*index))?]
            }
            _ => batch::decode(&blocks, predictor)?,
        };
        let content_len = contents.iter().map(Vec::len).sum();
        let payload_len = blocks.iter().map(|(_, block)| block.payload.len()).sum();
        Report::of_pass(content_len, payload_len).tell(progress)?;
        Ok(contents)
    };
    let mut after = |report: Report| progress(report.after(done));
    pool.for_each(batches.len(), &mut after, decode, |job, contents| {
        for (content, (index, _)) in contents.into_iter().zip(blocks_of(job)) {
            records[*index] = content;
        }
        Ok(())
    })
}

/// A blob, as far as it is understood before anything is decoded.
enum Source<'a> {
    /// One block of one lane: part of a batch.
    Coded(Block<'a>),
    /// The content itself.
    Stored(&'a [u8]),
    /// Any other frames.
    Whole,
}

impl<'a> Source<'a> {
    fn of_bare(blob: &'a [u8], mode: Mode) -> Result<Self> {
        if blob.is_empty() {
            return Ok(Self::Stored(blob));
        }
        let mut cursor = Cursor::new(blob);
        let content_len = take_len(&mut cursor, "a bare record")?;
        let payload = cursor.rest();
        match content_len {
            Some(len) if len == payload.len() && len > 0 => Ok(Self::Stored(payload)),
            Some(content_len) if (1..content_len).contains(&payload.len()) => {
                Ok(Self::Coded(Block {
                    payload,
                    content_len,
                    mode,
                    framed: None,
                }))
            }
            _ => Err(Error::InvalidHeader(
                "a bare record's length does not fit its payload",
            )),
        }
    }

    fn of_frame(blob: &'a [u8], predictor: &dyn Predictor) -> Result<Self> {
        let mut cursor = Cursor::new(blob);
        let mut frame = FrameReader::start(&mut cursor)?;
        frame.header().check_predictor(predictor)?;
        let (mode, is_single) = (frame.header().mode, frame.header().single_block);
        let block = frame.next_block(&mut cursor)?.filter(|_| is_single);
        let payload = cursor.rest();
        Ok(match block {
            Some(block)
                if can_batch(predictor)
                    && block.is_one_lane_of_network()
                    && block.payload_len() == payload.len()
                    && block.content_len() <= MAX_BATCH_LEN =>
            {
                Self::Coded(Block {
                    payload,
                    content_len: block.content_len(),
                    mode,
                    framed: Some(block),
                })
            }
            _ => Self::Whole,
        })
    }
}

/// Whether `codec::compress` makes one block of one lane of this content, with the network.
fn is_one_lane(content_len: usize, header: &FrameHeader, settings: &Settings) -> bool {
    let is_sure_of_network = header.mode == Mode::Static || content_len <= SHORT;
    let is_one_block = content_len <= settings.block_len();
    is_one_block && is_sure_of_network && header.lanes(content_len).count() == 1
}

/// Batches of indices whose lengths are alike, at least three quarters of the longest: at least `count` if there are
/// as many indices.
fn batches(
    mut indices: Vec<usize>,
    most: usize,
    count: usize,
    len: impl Fn(usize) -> usize,
) -> Vec<Vec<usize>> {
    let most = most.min(indices.len().div_ceil(count));
    let max_len = MAX_BATCH_LEN / count;
    indices.sort_by_key(|&index| std::cmp::Reverse(len(index)));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in indices {
        match batches.last_mut() {
            Some(batch)
                if batch.len() < most
                    && len(batch[0]) * (batch.len() + 1) <= max_len
                    && len(index) * 4 >= len(batch[0]) * 3 =>
            {
                batch.push(index);
            }
            _ => batches.push(vec![index]),
        }
    }
    batches
}
