//! `Pool`: predictors that work at the same time, and the jobs that they share.
//!
//! Where work falls into parts that need nothing of each other, every thread does whole parts by itself, coding
//! included, instead of meeting the others at every step of the predictor. If there are fewer parts than threads, some threads
//! work on each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{Builder, scope};

use crate::error::{Error, Result};
use crate::predictor::Predictor;
use crate::progress::{Progress, Report};

/// Predictors of the same model.
pub(crate) struct Pool<'a> {
    /// Works on the caller's thread if there are no others.
    predictor: &'a mut dyn Predictor,
    /// Two or more, or none.
    workers: Vec<Box<dyn Predictor>>,
}

/// What a worker has to say of a job.
enum News<T> {
    Report(Report),
    Outcome(Result<T>),
}

impl<'a> Pool<'a> {
    /// Divides a predictor for so many parts of the work, as far as it has threads.
    ///
    /// # Errors
    ///
    /// `Predictor` if it cannot be divided.
    pub fn new(predictor: &'a mut dyn Predictor, parts: usize) -> Result<Self> {
        let threads = predictor.threads().min(parts);
        let workers = if threads > 1 {
            predictor.divide(threads)?
        } else {
            Vec::new()
        };
        Ok(Self { predictor, workers })
    }

    /// How many jobs can be under way.
    pub fn len(&self) -> usize {
        self.workers.len().max(1)
    }

    /// Does all `jobs`, beginning with the first; `finish` is told what came of each, on the caller's thread, in order.
    ///
    /// `progress` is told the sum of what all jobs report or, where they are done one after the other, what the one at hand does,
    /// after what is done.
    ///
    /// # Errors
    ///
    /// That of the first job that failed, itself or in `finish`, or `Interrupted` if `progress` asks to stop. No job is begun
    /// afterwards, and later ones are interrupted.
    pub fn for_each<T: Send>(
        &mut self,
        jobs: usize,
        progress: &mut Progress<'_>,
        work: impl Fn(usize, &mut dyn Predictor, &mut Progress<'_>) -> Result<T> + Sync,
        mut finish: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        let has_several = jobs > 1 && !self.workers.is_empty();
        if has_several && self.do_at_once(jobs, progress, &work, &mut finish)? {
            return Ok(());
        }
        self.do_in_turn(jobs, progress, work, finish)
    }

    fn do_in_turn<T>(
        &mut self,
        jobs: usize,
        progress: &mut Progress<'_>,
        work: impl Fn(usize, &mut dyn Predictor, &mut Progress<'_>) -> Result<T>,
        mut finish: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<()> {
        let (mut before, mut done) = (0, 0);
        (0..jobs).try_for_each(|job| {
            let mut report = |report: Report| {
                let report = report.after(before);
                done = report.done;
                progress(report)
            };
            let result = work(job, self.predictor, &mut report)?;
            before = done;
            finish(job, result)
        })
    }

    /// Returns whether anything was done: not if the system has no thread at all.
    fn do_at_once<T: Send>(
        &mut self,
        jobs: usize,
        progress: &mut Progress<'_>,
        work: impl Fn(usize, &mut dyn Predictor, &mut Progress<'_>) -> Result<T> + Sync,
        mut finish: impl FnMut(usize, T) -> Result<()>,
    ) -> Result<bool> {
        let mut total = Total::new(jobs);
        let (next, end, work) = (&AtomicUsize::new(0), &AtomicUsize::new(jobs), &work);
        let (sender, all_news) = mpsc::channel();
        let mut started = 0;
        scope(|scope| {
            for worker in &mut self.workers {
                let sender = sender.clone();
                let do_jobs = move || {
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        let is_wanted = || job < end.load(Ordering::Relaxed);
                        if !is_wanted() {
                            return;
                        }
                        let tell = |news| sender.send((job, news)).is_ok() && is_wanted();
                        let mut report = |report| tell(News::Report(report));
                        let outcome = work(job, worker.as_mut(), &mut report);
                        tell(News::Outcome(outcome));
                    }
                };
                // Those that the system has no thread for leave their jobs to the others.
                if Builder::new().spawn_scoped(scope, do_jobs).is_err() {
                    break;
                }
                started += 1;
            }
            drop(sender);
            if started == 0 {
                return Ok(false);
            }
            let mut results = InOrder::new(&mut finish);
            let mut failed: Option<(usize, Error)> = None;
            for (job, news) in all_news {
                let is_going_on = failed.is_none();
                let failure = match news {
                    News::Report(report) if is_going_on => {
                        let told = total.with(job, report).tell(progress);
                        told.map_err(|error| (0, error))
                    }
                    News::Outcome(Ok(result)) if is_going_on => results.put(job, result),
                    News::Outcome(Err(error)) => Err((job, error)),
                    News::Report(_) | News::Outcome(Ok(_)) => Ok(()),
                };
                // Jobs are begun in order, and those before one that failed go on: in the end the first of all is known.
                if let Err((job, error)) = failure
                    && failed.as_ref().is_none_or(|&(first, _)| job < first)
                {
                    end.fetch_min(job, Ordering::Relaxed);
                    failed = Some((job, error));
                }
            }
            failed.map_or(Ok(true), |(_, error)| Err(error))
        })
    }
}

/// Hands on results that come in any order, in order.
struct InOrder<'a, T, F> {
    next: usize,
    waiting: BTreeMap<usize, T>,
    finish: &'a mut F,
}

impl<'a, T, F: FnMut(usize, T) -> Result<()>> InOrder<'a, T, F> {
    const fn new(finish: &'a mut F) -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
            finish,
        }
    }

    /// An error is that of the job it comes with.
    fn put(&mut self, job: usize, result: T) -> std::result::Result<(), (usize, Error)> {
        self.waiting.insert(job, result);
        while let Some(result) = self.waiting.remove(&self.next) {
            (self.finish)(self.next, result).map_err(|error| (self.next, error))?;
            self.next += 1;
        }
        Ok(())
    }
}

/// The sum of the last reports of all jobs.
struct Total {
    reports: Vec<Report>,
    sum: Report,
}

impl Total {
    fn new(jobs: usize) -> Self {
        Self {
            reports: vec![Report::default(); jobs],
            sum: Report::default(),
        }
    }

    /// The sum after another report of a job.
    fn with(&mut self, job: usize, report: Report) -> Report {
        let before = std::mem::replace(&mut self.reports[job], report);
        let replace = |sum: &mut u64, before: u64, now: u64| *sum = *sum - before + now;
        replace(&mut self.sum.done, before.done, report.done);
        let (from, to) = (before.pass_content_len, report.pass_content_len);
        replace(&mut self.sum.pass_content_len, from, to);
        let (from, to) = (before.pass_payload_len, report.pass_payload_len);
        replace(&mut self.sum.pass_payload_len, from, to);
        self.sum
    }
}
