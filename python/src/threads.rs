//! The threads that work is done with, and Python's lock, which is let go of meanwhile.

use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use vocable::error::Error;

use crate::errors::{exception, raised};

/// How many threads were asked for; 0 for as many as there are cores, or as `RAYON_NUM_THREADS` says.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// The threads, the process that they are of, and how many were asked for then.
static POOL: Mutex<Option<(u32, usize, Arc<ThreadPool>)>> = Mutex::new(None);

/// The threads of this process. Threads do not outlive a fork, and work handed to them would wait for ever; so a child makes its own.
pub fn pool(py: Python) -> PyResult<Arc<ThreadPool>> {
    // Python's lock is held as long as this one, so that no fork by Python finds it locked.
    let mut current = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = WANTED.load(Ordering::Relaxed);
    match &*current {
        Some((id, asked, pool)) if *id == process::id() && *asked == wanted => Ok(Arc::clone(pool)),
        _ => {
            let builder = ThreadPoolBuilder::new().num_threads(wanted);
            let made = builder.thread_name(|index| format!("vocable-{index}")).build();
            let made = Arc::new(made.map_err(|e| exception(py, format!("threads: {e}")))?);
            match current.replace((process::id(), wanted, Arc::clone(&made))) {
                // To end threads that are not there would wait for them.
                Some((id, _, parents)) if id != process::id() => std::mem::forget(parents),
                // Work under way still holds them; they end with it.
                others => drop(others),
            }
            Ok(made)
        }
    }
}

/// From now on, this process works with so many threads; `None` for as many as there are cores, or as `RAYON_NUM_THREADS` says.
#[pyfunction]
#[pyo3(signature = (threads))]
pub fn set_num_threads(py: Python, threads: Option<usize>) -> PyResult<()> {
    if threads == Some(0) {
        return Err(raised(py, Error::invalid("threads", "a number from 1", "0")));
    }
    WANTED.store(threads.unwrap_or(0), Ordering::Relaxed);
    Ok(())
}

/// How many threads this process works with.
#[pyfunction]
pub fn get_num_threads(py: Python) -> PyResult<usize> {
    pool(py).map(|pool| pool.current_num_threads())
}

/// Does some work on the threads, while other Python threads run.
pub fn work<R: Send>(py: Python, work: impl FnOnce() -> R + Send) -> PyResult<R> {
    let pool = pool(py)?;
    Ok(py.detach(|| pool.install(work)))
}
