//! The threads that work is done with, and Python's lock, which is let go of meanwhile.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::exception;

/// The threads, and the process that they are of.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// The threads of this process. Threads do not outlive a fork, and work handed to them would wait for ever; so a child makes its own.
pub fn pool(py: Python) -> PyResult<Arc<ThreadPool>> {
    // Python's lock is held as long as this one, so that no fork by Python finds it locked.
    let mut current = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    match &*current {
        Some((id, pool)) if *id == process::id() => Ok(Arc::clone(pool)),
        _ => {
            let made = ThreadPoolBuilder::new().thread_name(|index| format!("vocable-{index}")).build();
            let made = Arc::new(made.map_err(|e| exception(py, format!("threads: {e}")))?);
            let parents = current.replace((process::id(), Arc::clone(&made)));
            // To end threads that are not there would wait for them.
            std::mem::forget(parents);
            Ok(made)
        }
    }
}

/// Does some work on the threads, while other Python threads run.
pub fn work<R: Send>(py: Python, work: impl FnOnce() -> R + Send) -> PyResult<R> {
    let pool = pool(py)?;
    Ok(py.detach(|| pool.install(work)))
}
