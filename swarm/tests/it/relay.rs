//! A wire that listens in, and that can go dead without a word.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    /// What came from the end that was dialled.
    heard: Arc<Mutex<Vec<u8>>>,
    dead: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let dead = watch::Sender::new(false);
        let (hears, dies) = (Arc::clone(&heard), dead.subscribe());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let ((near_reads, near_writes), (far_reads, far_writes)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_reads, far_writes, None, dies.clone()));
                tokio::spawn(carry(far_reads, near_writes, Some(Arc::clone(&hears)), dies.clone()));
            }
        });
        Self { address, heard, dead }
    }

    /// From now on nothing goes through, and nobody is told.
    pub(crate) fn die(&self) {
        self.dead.send_replace(true);
    }

    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    hears: Option<Arc<Mutex<Vec<u8>>>>,
    mut dies: watch::Receiver<bool>,
) {
    let mut bytes = [0; 4096];
    loop {
        let read = tokio::select! {
            biased;
            () = async { drop(dies.wait_for(|dead| *dead).await) } => None,
            read = from.read(&mut bytes) => Some(read),
        };
        let Some(read) = read else { return std::future::pending().await };
        let Ok(n @ 1..) = read else { return };
        if let Some(hears) = &hears {
            hears.lock().unwrap().extend(&bytes[..n]);
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}
