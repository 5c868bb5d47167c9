//! `Pool`: a predictor for each of several threads, and jobs that they share.
//!
//! Where work falls into parts that need nothing of each other, every thread does whole parts by itself, coding
//! included, instead of meeting the others at every step of the predictor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{Builder, scope};

use crate::error::{Error, Result};
use crate::predictor::Predictor;

/// Predictors of the same model.
pub(crate) struct Pool<'a> {
    /// Works on the caller's thread if there are no others.
    predictor: &'a mut dyn Predictor,
    /// One for each thread, or none.
    workers: Vec<Box<dyn Predictor>>,
}

impl<'a> Pool<'a> {
    /// Divides a predictor among as many threads as it has, and no more than there are parts of the work.
    pub fn new(predictor: &'a mut dyn Predictor, parts: usize) -> Result<Self> {
        let workers = predictor.divide(parts)?;
        Ok(Self { predictor, workers })
    }

    /// How many jobs can be under way.
    pub fn len(&self) -> usize {
        self.workers.len().max(1)
    }

    /// Does all `jobs`, beginning with the first; `finish` is told what came of each, on the caller's thread, in any order.
    ///
    /// # Errors
    ///
    /// That of the first job that failed, or of `finish`; no job is begun afterwards.
    pub fn for_each<T: Send>(
        &mut self,
        jobs: usize,
        work: impl Fn(usize, &mut dyn Predictor) -> Result<T> + Sync,
        mut finish: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        if jobs < 2 || self.workers.is_empty() {
            return (0..jobs).try_for_each(|job| finish(job, work(job, self.predictor)?));
        }
        let (next, work) = (&AtomicUsize::new(0), &work);
        let stop = || next.store(jobs, Ordering::Relaxed);
        let (sender, results) = mpsc::channel();
        scope(|scope| {
            for worker in &mut self.workers {
                let sender = sender.clone();
                let take_jobs = move || {
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        if job >= jobs || sender.send((job, work(job, worker.as_mut()))).is_err() {
                            return;
                        }
                    }
                };
                let started = Builder::new().spawn_scoped(scope, take_jobs);
                started.map_err(|error| {
                    stop();
                    Error::Predictor(format!("cannot start a thread: {error}"))
                })?;
            }
            drop(sender);
            // Jobs are begun in order, so that all before the first one that failed are known in the end.
            let mut failed: Option<(usize, Error)> = None;
            for (job, result) in results {
                let outcome = match (result, &failed) {
                    (Ok(_), Some(_)) => continue,
                    (Ok(result), None) => finish(job, result),
                    (Err(error), _) => Err(error),
                };
                if let Err(error) = outcome {
                    stop();
                    if failed.as_ref().is_none_or(|&(first, _)| job < first) {
                        failed = Some((job, error));
                    }
                }
            }
            failed.map_or(Ok(()), |(_, error)| Err(error))
        })
    }
}
