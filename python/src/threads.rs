//! The thread pool. The GIL is released while it is used.

use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use vocable::error::Error;

use crate::errors::{exception, to_py_err};

/// The requested number of threads; 0 for the number of cores, or `RAYON_NUM_THREADS`.
static NUM_THREADS: AtomicUsize = AtomicUsize::new(0);

/// The process id of the pool, the number of threads that was requested for it, and the pool.
static POOL: Mutex<Option<(u32, usize, Arc<ThreadPool>)>> = Mutex::new(None);

/// The thread pool of this process. Threads do not survive a fork, so a child process creates a pool of its own.
pub fn pool(py: Python) -> PyResult<Arc<ThreadPool>> {
    // The GIL is held together with this lock, so that Python cannot fork while it is locked.
    let mut current = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let requested = NUM_THREADS.load(Ordering::Relaxed);
    match &*current {
        Some((id, created_for, pool)) if *id == process::id() && *created_for == requested => Ok(Arc::clone(pool)),
        _ => {
            let builder = ThreadPoolBuilder::new().num_threads(requested);
            let created = builder.thread_name(|index| format!("vocable-{index}")).build();
            let created = Arc::new(created.map_err(|e| exception(py, format!("threads: {e}")))?);
            match current.replace((process::id(), requested, Arc::clone(&created))) {
                // After a fork, dropping the parent's pool would wait for threads that do not exist.
                Some((id, _, parents)) if id != process::id() => std::mem::forget(parents),
                // The old pool ends when its current work is done.
                old => drop(old),
            }
            Ok(created)
        }
    }
}

/// Sets the number of threads of this process; `None` for the number of cores, or `RAYON_NUM_THREADS`.
#[pyfunction]
#[pyo3(signature = (threads))]
pub fn set_num_threads(py: Python, threads: Option<usize>) -> PyResult<()> {
    if threads == Some(0) {
        return Err(to_py_err(py, Error::invalid("threads", "at least 1", "0")));
    }
    NUM_THREADS.store(threads.unwrap_or(0), Ordering::Relaxed);
    Ok(())
}

/// The number of threads of this process.
#[pyfunction]
pub fn get_num_threads(py: Python) -> PyResult<usize> {
    pool(py).map(|pool| pool.current_num_threads())
}

/// Runs a function on the thread pool, with the GIL released.
pub fn run<R: Send>(py: Python, work: impl FnOnce() -> R + Send) -> PyResult<R> {
    let pool = pool(py)?;
    Ok(py.detach(|| pool.install(work)))
}
