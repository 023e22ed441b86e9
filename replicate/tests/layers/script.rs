//! A peer that follows a script: the handshake once more, from `docs/protocol.md` alone, so that a test can depart from it.

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, Update};
use replicate::{MAGIC_ENCRYPTED, Prover, Side};
use snow::{Builder, TransportState};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub(crate) struct Script {
    pub(crate) wire: DuplexStream,
    pub(crate) noise: TransportState,
    pub(crate) hash: [u8; 32],
    pub(crate) side: Side,
}

impl Script {
    /// Up to the end of the pattern, as the side that it likes: the nonce is its choice.
    pub(crate) async fn begin(mut wire: DuplexStream, side: Side) -> Self {
        let ours = [if side == Side::Initiator { 0xff } else { 0 }; 16];
        wire.write_all(&[&MAGIC_ENCRYPTED[..], &ours].concat()).await.unwrap();
        let mut greeting = [0; 24];
        wire.read_exact(&mut greeting).await.unwrap();
        assert_eq!(greeting[..8], MAGIC_ENCRYPTED);
        let mut nonces = [&ours[..], &greeting[8..]];
        nonces.sort();
        let prologue = [&MAGIC_ENCRYPTED[..], nonces[1], nonces[0]].concat();
        let builder = || Builder::new("Noise_XX_25519_ChaChaPoly_BLAKE2s".parse().unwrap());
        let keys = builder().generate_keypair().unwrap();
        let builder = builder().local_private_key(&keys.private).unwrap().prologue(&prologue).unwrap();
        let mut noise = match side {
            Side::Initiator => builder.build_initiator().unwrap(),
            Side::Responder => builder.build_responder().unwrap(),
        };
        while !noise.is_handshake_finished() {
            if noise.is_my_turn() {
                let mut message = [0; 200];
                let n = noise.write_message(&[], &mut message).unwrap();
                say(&mut wire, &message[..n]).await;
            } else {
                let message = hear(&mut wire).await.unwrap();
                noise.read_message(&message, &mut []).unwrap();
            }
        }
        let hash = noise.get_handshake_hash().try_into().unwrap();
        Self { wire, noise: noise.into_transport_mode().unwrap(), hash, side }
    }

    /// Begins, and proves what there is to prove, of a key that it holds.
    pub(crate) async fn meet(wire: DuplexStream, side: Side, prover: &dyn Prover, topic: &[u8; 32]) -> Self {
        let mut script = Self::begin(wire, side).await;
        let (tag, signed) = (script.tag(topic), script.signed(prover));
        if side == Side::Initiator {
            script.seal(&tag).await;
            script.open().await.unwrap();
            script.seal(&signed).await;
        } else {
            script.open().await.unwrap();
            script.seal(&[&tag[..], &signed].concat()).await;
            script.open().await.unwrap();
        }
        script
    }

    fn number(&self) -> u8 {
        if self.side == Side::Initiator { 1 } else { 2 }
    }

    pub(crate) fn tag(&self, topic: &[u8; 32]) -> [u8; 32] {
        let mut mac =
            Blake2bMac::<U32>::new_with_salt_and_personal(Some(topic), &[], b"hyperlog.meet.v1").unwrap();
        mac.update(&[self.number()]);
        mac.update(&self.hash);
        mac.finalize_fixed().into()
    }

    /// What a key signs on this side.
    pub(crate) fn statement(&self) -> Vec<u8> {
        [&b"hyperlog.meet.v1"[..], &[self.number()], &self.hash].concat()
    }

    pub(crate) fn signed(&self, prover: &dyn Prover) -> Vec<u8> {
        [&prover.key()[..], &prover.prove(&self.statement()).unwrap()].concat()
    }

    /// A frame, as it goes over the wire.
    pub(crate) fn sealed(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut message = vec![0; plain.len() + 16];
        let n = self.noise.write_message(plain, &mut message).unwrap();
        [&u16::try_from(n).unwrap().to_be_bytes()[..], &message].concat()
    }

    pub(crate) async fn seal(&mut self, plain: &[u8]) {
        let frame = self.sealed(plain);
        // Who has left hears nothing.
        let _ = self.wire.write_all(&frame).await;
    }

    /// What comes next; none when the other side has left.
    pub(crate) async fn open(&mut self) -> Option<Vec<u8>> {
        let message = hear(&mut self.wire).await?;
        let mut plain = vec![0; message.len()];
        let n = self.noise.read_message(&message, &mut plain).unwrap();
        plain.truncate(n);
        Some(plain)
    }

    /// All that comes until the other side leaves, as it goes over the wire.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.wire.read_to_end(&mut rest).await.unwrap();
        rest
    }
}

async fn say(wire: &mut DuplexStream, message: &[u8]) {
    wire.write_all(&u16::try_from(message.len()).unwrap().to_be_bytes()).await.unwrap();
    wire.write_all(message).await.unwrap();
}

async fn hear(wire: &mut DuplexStream) -> Option<Vec<u8>> {
    let length = wire.read_u16().await.ok()?;
    let mut message = vec![0; length.into()];
    wire.read_exact(&mut message).await.ok()?;
    Some(message)
}
