//! The bytes below AMQP: TCP, or TLS with the rustls that the rest of the program uses.
//!
//! lapin's own TLS takes part of its certificates from a crate that brings a second crypto library along, so it is
//! given a stream that is encrypted already.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_compat::{Compat, CompatExt};
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_core::Stream;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, Error};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How to encrypt a stream, and whose it has to be.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl Tls {
    /// None when the address asks for none.
    ///
    /// # Errors
    /// When certificates or the host's name cannot be read.
    pub fn of(uri: &AMQPUri, ca_file: Option<&Path>) -> Result<Option<Self>, String> {
        if uri.scheme != AMQPScheme::AMQPS {
            return Ok(None);
        }
        // an error only says that a provider is installed already
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = match ca_file {
            Some(file) => trusting(file)
                .map_err(|error| format!("SYNTHMILL_RABBITMQ__CA_FILE: {}: {error}", file.display()))?,
            None => ClientConfig::with_platform_verifier()
                .map_err(|error| format!("cannot set up TLS: {error}"))?,
        };
        let server = ServerName::try_from(uri.authority.host.clone())
            .map_err(|error| format!("SYNTHMILL_RABBITMQ__URL: {error}"))?;
        Ok(Some(Self { connector: TlsConnector::from(Arc::new(config)), server }))
    }
}

fn trusting(file: &Path) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    for certificate in certificates {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("it holds no certificate".to_owned()),
        false => Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()),
    }
}

/// Opens a connection over a stream of ours.
pub async fn open(
    uri: AMQPUri,
    tls: Option<Tls>,
    properties: ConnectionProperties,
) -> lapin::Result<Connection> {
    let runtime = Runtime::new(RuntimeParts::new(Tokio::current(), Streams(Tokio::current())));
    let connect = async move |uri: AMQPUri, _: Runtime<RuntimeParts<Tokio, Streams>>| {
        let stream = stream(&uri, tls.clone()).await.map_err(Error::from)?;
        Ok(AsyncTcpStream::Plain(stream.compat()))
    };
    Connection::connector(uri, runtime, connect, properties).await
}

async fn stream(uri: &AMQPUri, tls: Option<Tls>) -> io::Result<Box<dyn Duplex>> {
    let plain = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port)).await?;
    plain.set_nodelay(true)?;
    Ok(match tls {
        None => Box::new(plain),
        Some(tls) => Box::new(tls.connector.connect(tls.server, plain).await?),
    })
}

/// A stream of bytes both ways.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Tokio's reactor, but for the type of its streams.
#[derive(Clone, Debug)]
struct Streams(Tokio);

impl Reactor for Streams {
    type TcpStream = Compat<Box<dyn Duplex>>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl futures_io::AsyncRead + futures_io::AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move {
            let stream: Box<dyn Duplex> = Box::new(connecting.await?.into_inner());
            Ok(stream.compat())
        }
    }
}
