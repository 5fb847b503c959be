//! Cursors: places in a list, sealed so that only the list they come from takes them back.
//!
//! A cursor is URL-safe base64 of version, source of the key, nonce, and what AES-256-GCM-SIV (RFC 8452) makes of the
//! place. What the list is ([`binding`]) is authenticated with it, but not inside.

mod key;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dataflow_core::cursor::{Direction, binding, decode_seek, encode_seek, refused};
use dataflow_core::plan::{ReadPlan, Seek, TenantId};
use dataflow_core::{Error, Result};

pub use self::key::Secret;
pub(crate) use self::key::{KEY_ENTRY, Keys, new_key_text};
use self::key::{Key, NONCE_BYTES, Source};
use crate::context::Context;
use crate::database::Database;

const VERSION: u8 = 1;
/// Version and source of the key.
const HEAD_BYTES: usize = 2;

impl Database {
    /// The texts of places in the list of a plan, sealed with one key; None for none.
    pub(crate) async fn seal<const N: usize>(
        &self,
        plan: &ReadPlan,
        places: [(Direction, Option<Seek>); N],
        context: &Context,
    ) -> Result<[Option<String>; N]> {
        let mut sealed = [const { None }; N];
        if places.iter().all(|(_, seek)| seek.is_none()) {
            return Ok(sealed);
        }
        let scope = context.scope();
        let tenant = scope.tenant_of(&plan.table)?;
        let (source, key) = self.sealing_key(context).await?;
        for (sealed, (direction, seek)) in sealed.iter_mut().zip(places) {
            if let Some(seek) = seek {
                let binding = self.binding(plan, tenant, direction)?;
                *sealed = Some(seal(source, &key, &binding, encode_seek(&plan.table, &plan.order, &seek)?)?);
            }
        }
        Ok(sealed)
    }

    /// The place that a cursor stands for in the list of a plan.
    ///
    /// # Errors
    /// `InvalidCursor` for one of another list, and for every other text.
    pub(crate) async fn unseal(
        &self,
        plan: &ReadPlan,
        direction: Direction,
        cursor: &str,
        context: &Context,
    ) -> Result<Seek> {
        let scope = context.scope();
        let tenant: Option<&TenantId> = scope.tenant_of(&plan.table)?;
        let binding = self.binding(plan, tenant, direction)?;
        let (source, sealed) = parse(cursor).ok_or_else(|| refused(direction))?;
        let key = self.opening_key(source, context).await?.ok_or_else(|| refused(direction))?;
        let place = open(&key, &binding, sealed).ok_or_else(|| refused(direction))?;
        decode_seek(&plan.table, &plan.order, &place).ok_or_else(|| refused(direction))
    }
}

impl Database {
    fn binding(&self, plan: &ReadPlan, tenant: Option<&TenantId>, direction: Direction) -> Result<[u8; 32]> {
        binding([self.dialect_name(), self.name()], plan, tenant, direction)
    }
}

fn seal(source: Source, key: &Key, binding: &[u8; 32], mut place: Vec<u8>) -> Result<String> {
    let head = [VERSION, source.byte()];
    let nonce = key.seal(&[&head[..], binding].concat(), &mut place)?;
    Ok(URL_SAFE_NO_PAD.encode([&head[..], &nonce, &place].concat()))
}

/// The source of a cursor's key, and its bytes.
fn parse(cursor: &str) -> Option<(Source, Vec<u8>)> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let [VERSION, source, ..] = sealed[..] else { return None };
    Some((Source::of(source)?, sealed))
}

fn open(key: &Key, binding: &[u8; 32], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (head, rest) = sealed.split_at_mut_checked(HEAD_BYTES)?;
    let (nonce, place) = rest.split_at_mut_checked(NONCE_BYTES)?;
    let nonce = (&*nonce).try_into().ok()?;
    key.open(&[&*head, binding].concat(), nonce, place).map(<[u8]>::to_vec)
}

/// The generator of random bytes failed, which the system gives no reason for.
fn no_random_bytes() -> Error {
    Error::internal("the system gave no random bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: u8) -> Key {
        Key::derive(&[secret; 32]).unwrap()
    }

    fn unsealed(cursor: &str, key: &Key, binding: u8) -> Option<Vec<u8>> {
        parse(cursor).and_then(|(_, sealed)| open(key, &[binding; 32], sealed))
    }

    #[test]
    fn a_cursor_opens_with_its_key_and_binding_only() {
        let cursor = seal(Source::Secret, &key(1), &[7; 32], b"place".to_vec()).unwrap();
        assert_eq!(unsealed(&cursor, &key(1), 7).as_deref(), Some(&b"place"[..]));
        assert_eq!(unsealed(&cursor, &key(2), 7), None);
        assert_eq!(unsealed(&cursor, &key(1), 8), None);
        assert!(!cursor.contains(['+', '/', '=']));
        assert_ne!(cursor, seal(Source::Secret, &key(1), &[7; 32], b"place".to_vec()).unwrap());
    }

    #[test]
    fn one_changed_or_missing_character_is_refused() {
        let cursor = seal(Source::Stored, &key(1), &[7; 32], b"place".to_vec()).unwrap();
        let mut looked = 0;
        for at in 0..cursor.len() {
            for letter in ['A', 'z', '_', '=', 'é'] {
                let changed: String =
                    cursor.chars().enumerate().map(|(place, old)| if place == at { letter } else { old }).collect();
                if changed != cursor {
                    assert_eq!(unsealed(&changed, &key(1), 7), None, "{letter} at {at}");
                    looked += 1;
                }
            }
            assert_eq!(unsealed(&cursor[..at], &key(1), 7), None);
            assert_eq!(unsealed(&cursor[at + 1..], &key(1), 7), None);
        }
        assert!(looked > 200);
        assert_eq!(unsealed(&format!("{cursor}A"), &key(1), 7), None);
        assert!(unsealed(&cursor, &key(1), 7).is_some());
    }

    #[test]
    fn random_bytes_are_refused_without_a_panic() {
        for length in 0..100usize {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 37 + length * 11).to_le_bytes()[0]).collect();
            let headed = [&[VERSION, Source::Process.byte()][..], &bytes].concat();
            assert_eq!(unsealed(&URL_SAFE_NO_PAD.encode(&bytes), &key(1), 7), None);
            assert_eq!(unsealed(&URL_SAFE_NO_PAD.encode(headed), &key(1), 7), None);
        }
    }
}
