//! Who else in this process holds a database file.
//!
//! Closing any descriptor of a file drops all POSIX locks this process holds on it: a second SQLite library on the
//! same file loses ours and with them committed rows. So nothing here opens the file, it is only asked about.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::event::warn;

/// Device and inode.
type FileId = (u64, u64);

/// Our own open connections by file. Locked while one is opened, so that a half-open one of ours is no stranger.
static OURS: Mutex<BTreeMap<FileId, usize>> = Mutex::new(BTreeMap::new());

/// Our share in a file; dropped after its connection was closed.
pub(super) struct Hold(Option<FileId>);

/// Opens a connection by `open`; `check` warns when the file is already open by something other than us.
pub(super) fn open_holding<T, E>(
    path: &Path,
    check: bool,
    open: impl FnOnce() -> Result<T, E>,
) -> Result<(T, Hold), E> {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    if check && is_strange(&ours, identity(path)) {
        warn(format!(
            "this process already has the SQLite file {} open outside DataFlow: when that is closed, SQLite's locks \
             are lost and committed rows may be too; use the file through DataFlow only, or from another process",
            path.display()
        ));
    }
    let opened = open()?;
    let id = identity(path);
    if let Some(id) = id {
        *ours.entry(id).or_insert(0) += 1;
    }
    Ok((opened, Hold(id)))
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
        match ours.get_mut(&id) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(ours.remove(&id)),
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_path: &Path) -> Option<FileId> {
    None
}

/// Whether somebody but us has the file open. While we have, nobody can be told apart.
fn is_strange(ours: &BTreeMap<FileId, usize>, id: Option<FileId>) -> bool {
    id.is_some_and(|id| !ours.contains_key(&id) && is_open(id))
}

/// Whether a descriptor of this process refers to the file; Linux only, elsewhere nobody is seen.
fn is_open(id: FileId) -> bool {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return false };
    descriptors.flatten().any(|descriptor| identity(&descriptor.path()) == Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_open_in_this_process_is_strange_unless_it_is_ours() {
        let path = std::env::temp_dir().join(format!("dataflow-foreign-{}", std::process::id()));
        let strange = || is_strange(&OURS.lock().unwrap(), identity(&path));
        assert!(!strange());
        let (file, first) = open_holding(&path, true, || std::fs::File::create(&path)).unwrap();
        let (_, second) = open_holding(&path, true, || Ok::<_, ()>(())).unwrap();
        assert!(!strange());
        drop(first);
        assert!(!strange());
        drop(second);
        assert!(strange());
        drop(file);
        assert!(!strange());
        std::fs::remove_file(&path).unwrap();
    }
}
