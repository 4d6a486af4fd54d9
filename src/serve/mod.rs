//! A local web server: pages to explore vectors in a browser, and an HTTP API with JSON responses.
//!
//! [`Server`] listens on the loopback address and gives access to what is in [`AppState`]; no request can name a file. `http` handles
//! connections and rejects invalid requests, `endpoints` is the table from which arguments are parsed and the OpenAPI description is
//! generated, `handlers` has a function per endpoint, `workers` runs the computations on threads with bounded queues, and `map` projects
//! words to two dimensions (by t-SNE in builds with that feature).

mod arguments;
mod assets;
mod endpoints;
mod error;
mod handlers;
mod http;
mod map;
mod projection;
mod state;
mod timeouts;
#[cfg(feature = "tsne")]
mod tsne;
mod workers;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::sync::watch;

use crate::error::{Error, Result};
pub use projection::superpose;
pub use state::{AppState, Labels, Limits};
#[cfg(feature = "tsne")]
pub use tsne::tsne;

/// A server that is bound to its port; [`Server::run`] starts it.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: AppState,
    limits: Limits,
    stop: watch::Sender<bool>,
}

/// Stops a server, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Stops the server: it accepts no more connections, and requests in progress get a few seconds to finish.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Binds a port of the loopback address (127.0.0.1); port 0 selects a free one. No request is served yet.
    ///
    /// # Errors
    /// A port that is in use or not permitted, or a corrupt table file.
    pub fn bind(state: AppState, port: u16, limits: Limits) -> Result<Server> {
        state.vectors.check()?;
        state.second.as_ref().map_or(Ok(()), |vectors| vectors.check())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let failed = |e| Error::io(address.to_string(), "listen on this address", e);
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server { listener, address, state, limits, stop: watch::channel(false).0 })
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops the server.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Serves requests until the server is stopped.
    ///
    /// # Errors
    /// Threads cannot be started, or the network fails.
    pub fn run(self) -> Result<()> {
        let failed = |e| Error::io(self.address.to_string(), "serve requests", e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let workers = workers::Workers::start(self.state, self.limits).map_err(failed)?;
        let stopped = runtime.block_on(http::serve(self.listener, self.address, workers, self.stop.subscribe()));
        stopped.map_err(failed)
    }
}
